/*
 * DMARC aggregate reports: XML to the JSON of report_in.h, a record at a time, by libxml2's reader.
 * Namespaces, order and unknown elements do not matter; entities are not expanded.
 */
#include "codec/report_in.h"

#include "base/mem.h"
#include <libxml/xmlreader.h>
#include <string.h>

static bool named(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && strcmp((const char *)n->name, name) == 0;
}

static const xmlNode *child(const xmlNode *n, const char *name)
{
	const xmlNode *c = n ? n->children : NULL;
	while (c && !named(c, name))
		c = c->next;
	return c;
}

/* The text directly inside an element. */
static slice text_of(const xmlNode *n)
{
	for (const xmlNode *c = n ? n->children : NULL; c; c = c->next)
		if ((c->type == XML_TEXT_NODE || c->type == XML_CDATA_SECTION_NODE) && c->content)
			return slice_trim(slice_z((const char *)c->content));
	return S("");
}

static slice text(const xmlNode *n, const char *name)
{
	return text_of(child(n, name));
}

static int64_t number(slice s)
{
	uint64_t v;
	/* Some write fractions of a second. */
	return slice_u64(slice_first(s, slice_index(s, '.')), &v) && v < INT64_MAX ? (int64_t)v : 0;
}

static void set(json_t *to, const char *key, const xmlNode *n, const char *name)
{
	report_in_set(to, key, text(n, name));
}

/* Each child `name` of n becomes an object with those of its children that `keys` lists. */
static void set_list(
	json_t *to, const char *key, const xmlNode *n, const char *name, const char *const *keys)
{
	json_t *list = json_array();
	for (const xmlNode *c = n ? n->children : NULL;
		c && json_array_size(list) < REPORT_IN_LIST_MAX; c = c->next) {
		if (!named(c, name))
			continue;
		json_t *o = json_object();
		for (const char *const *k = keys; *k; k += 2)
			set(o, k[1], c, k[0]);
		json_array_append_new(list, o);
	}
	if (json_array_size(list))
		json_object_set_new(to, key, list);
	else
		json_decref(list);
}

static void read_metadata(json_t *report, const xmlNode *n)
{
	const xmlNode *range = child(n, "date_range");
	json_t *errors = json_array();
	set(report, "org", n, "org_name");
	set(report, "contact", n, "email");
	set(report, "id", n, "report_id");
	json_object_set_new(report, "begin", json_integer(number(text(range, "begin"))));
	json_object_set_new(report, "end", json_integer(number(text(range, "end"))));
	for (const xmlNode *c = n->children; c && json_array_size(errors) < REPORT_IN_LIST_MAX;
		c = c->next)
		if (named(c, "error") && text_of(c).n) {
			slice s = slice_first(text_of(c), REPORT_IN_TEXT_MAX);
			json_t *e = json_stringn(s.p, s.n);
			json_array_append_new(errors, e ? e : json_string("?"));
		}
	if (json_array_size(errors))
		json_object_set_new(report, "errors", errors);
	else
		json_decref(errors);
}

static void read_policy(json_t *report, const xmlNode *n)
{
	static const char *const keys[] = {"p", "sp", "np", "adkim", "aspf", "pct", "fo"};
	json_t *policy = json_object();
	set(report, "domain", n, "domain");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		set(policy, keys[i], n, keys[i]);
	set(policy, "t", n, "testing");
	json_object_set_new(report, "policy", policy);
}

static json_t *read_record(const xmlNode *n, int64_t *ret_count, bool *ret_failed)
{
	static const char *const reason[] = {"type", "type", "comment", "comment", NULL};
	static const char *const dkim[] = {"domain", "domain", "selector", "selector", "result",
		"result", "human_result", "comment", NULL};
	static const char *const spf[] = {
		"domain", "domain", "scope", "scope", "result", "result", NULL};
	const xmlNode *row = child(n, "row"), *evaluated = child(row, "policy_evaluated");
	const xmlNode *ids = child(n, "identifiers"), *results = child(n, "auth_results");
	json_t *r = json_object();
	*ret_count = number(text(row, "count"));
	*ret_failed = !slice_ieq(text(evaluated, "dkim"), S("pass")) &&
		      !slice_ieq(text(evaluated, "spf"), S("pass"));
	set(r, "ip", row, "source_ip");
	json_object_set_new(r, "count", json_integer(*ret_count));
	set(r, "disposition", evaluated, "disposition");
	set(r, "dkim", evaluated, "dkim");
	set(r, "spf", evaluated, "spf");
	set(r, "header_from", ids, "header_from");
	set(r, "envelope_from", ids, "envelope_from");
	set(r, "envelope_to", ids, "envelope_to");
	set_list(r, "reasons", evaluated, "reason", reason);
	set_list(r, "dkim_results", results, "dkim", dkim);
	set_list(r, "spf_results", results, "spf", spf);
	return r;
}

struct sums {
	json_t *rows;
	int64_t messages, failed, omitted;
	bool metadata, policy;
};

static void read_element(json_t *report, struct sums *s, const xmlNode *n)
{
	if (named(n, "report_metadata")) {
		read_metadata(report, n);
		s->metadata = true;
	} else if (named(n, "policy_published")) {
		read_policy(report, n);
		s->policy = true;
	} else if (named(n, "record")) {
		int64_t count;
		bool failed;
		json_t *row = read_record(n, &count, &failed);
		if (__builtin_add_overflow(s->messages, count, &s->messages))
			s->messages = INT64_MAX;
		if (failed && __builtin_add_overflow(s->failed, count, &s->failed))
			s->failed = INT64_MAX;
		if (json_array_size(s->rows) < REPORT_IN_ROWS_MAX) {
			json_array_append_new(s->rows, row);
		} else {
			s->omitted++;
			json_decref(row);
		}
	}
}

/* The children of the outermost element, each as a small tree. 0 at the end, -1 not well-formed. */
static int read_children(xmlTextReaderPtr reader, json_t *report, struct sums *s)
{
	int r = xmlTextReaderRead(reader);
	while (r == 1) {
		bool element = xmlTextReaderNodeType(reader) == XML_READER_TYPE_ELEMENT;
		int depth = xmlTextReaderDepth(reader);
		if (element && depth == 0 &&
			strcmp((const char *)xmlTextReaderConstLocalName(reader), "feedback") != 0)
			return -1;
		if (element && depth == 1) {
			const xmlNode *n = xmlTextReaderExpand(reader);
			if (!n)
				return -1;
			read_element(report, s, n);
			r = xmlTextReaderNext(reader);
		} else {
			r = xmlTextReaderRead(reader);
		}
	}
	return r;
}

static void note_damage(json_t *report)
{
	json_t *errors = json_object_get(report, "errors");
	if (!errors)
		json_object_set_new(report, "errors", errors = json_array());
	json_array_append_new(errors, json_string("the XML is damaged: rows may be missing"));
}

static void quiet(void *arg, xmlErrorPtr error)
{
	(void)arg, (void)error;
}

json_t *report_in_dmarc(slice xml, const char **ret_error)
{
	const int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
			    XML_PARSE_RECOVER | XML_PARSE_NOBLANKS;
	if (xml.n > REPORT_IN_UNPACKED_MAX) {
		*ret_error = "too large";
		return NULL;
	}
	xmlTextReaderPtr reader = xmlReaderForMemory(xml.p, (int)xml.n, NULL, NULL, options);
	if (!reader) {
		*ret_error = "no memory";
		return NULL;
	}
	xmlTextReaderSetStructuredErrorHandler(reader, quiet, NULL);
	json_t *report = json_pack("{s:s}", "kind", "dmarc");
	struct sums s = {.rows = json_array()};
	int r = read_children(reader, report, &s);
	xmlFreeTextReader(reader);
	json_object_set_new(report, "messages", json_integer(s.messages));
	json_object_set_new(report, "failed", json_integer(s.failed));
	json_object_set_new(report, "rows", s.rows);
	if (s.omitted)
		json_object_set_new(report, "omitted", json_integer(s.omitted));
	if (s.metadata && s.policy) {
		if (r < 0)
			note_damage(report);
		return report;
	}
	*ret_error = r < 0 ? "not well-formed XML of a DMARC report"
			   : "no report_metadata or policy_published";
	json_decref(report);
	return NULL;
}
