#include "CReportResources.h"

#include <string.h>

// Files become part of the program as they are, so that it needs no folder beside it.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char page_html[] = {
#embed "page.html"
};
static const unsigned char page_css[] = {
#embed "page.css"
};
static const unsigned char graph_css[] = {
#embed "graph.css"
};
static const unsigned char format_js[] = {
#embed "format.js"
};
static const unsigned char straighten_js[] = {
#embed "straighten.js"
};
static const unsigned char layout_js[] = {
#embed "layout.js"
};
static const unsigned char graph_js[] = {
#embed "graph.js"
};
static const unsigned char details_js[] = {
#embed "details.js"
};
static const unsigned char search_js[] = {
#embed "search.js"
};
static const unsigned char summary_js[] = {
#embed "summary.js"
};
static const unsigned char timeline_js[] = {
#embed "timeline.js"
};
static const unsigned char page_js[] = {
#embed "page.js"
};
static const unsigned char dagre_js[] = {
#embed "dagre/dagre.min.js"
};
static const unsigned char dagre_license[] = {
#embed "dagre/LICENSE"
};

#define RESOURCE(name, bytes) {name, bytes, sizeof bytes}

static const report_resource resources[] = {
  RESOURCE("page.html", page_html),     RESOURCE("page.css", page_css),     RESOURCE("graph.css", graph_css),
  RESOURCE("format.js", format_js),     RESOURCE("straighten.js", straighten_js), RESOURCE("layout.js", layout_js),
  RESOURCE("graph.js", graph_js),       RESOURCE("details.js", details_js), RESOURCE("search.js", search_js),
  RESOURCE("summary.js", summary_js),   RESOURCE("timeline.js", timeline_js), RESOURCE("page.js", page_js),
  RESOURCE("dagre.js", dagre_js),       RESOURCE("dagre-license", dagre_license),
};

report_resource report_resource_named(const char *name) {
  for (size_t i = 0; i < sizeof resources / sizeof *resources; i++) {
    if (strcmp(resources[i].name, name) == 0) return resources[i];
  }
  return (report_resource){name, NULL, 0};
}
