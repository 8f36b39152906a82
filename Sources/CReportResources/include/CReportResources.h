#ifndef REPORT_RESOURCES_H
#define REPORT_RESOURCES_H

#include <stddef.h>

// The bytes of a file that the program carries in itself; they are valid as long as it runs.
typedef struct {
  const char *name;
  const unsigned char *bytes;
  size_t count;
} report_resource;

// The resource called `name`; its bytes are NULL where there is none.
report_resource report_resource_named(const char *name);

#endif
