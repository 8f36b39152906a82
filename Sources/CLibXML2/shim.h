#include <libxml/xmlversion.h>
// With it the headers include ICU's, which clash with those that Foundation brings. It only adds fields to the end of
// xmlCharEncodingHandler, which nothing here looks into.
#undef LIBXML_ICU_ENABLED
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlerror.h>
