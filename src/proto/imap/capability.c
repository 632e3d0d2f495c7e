/*
 * What is offered when: CAPABILITY (RFC 9051 6.1.1, 7.2.2). A word stands here only when all that its RFC asks for is there.
 * RFC numbers are in the table. Used by the greeting, LOGIN, AUTHENTICATE, and ENABLE for what can be enabled.
 */
#include "proto/imap/session.h"

#include "run/deflate.h"

static const struct {
	const char *word;
	bool always; /* before a login, too */
} words[] = {
	{"IMAP4rev2", true}, /* 9051 */
	{"IMAP4rev1", true}, /* 3501 */
	{"LITERAL-", true}, /* 7888 */
	{"SASL-IR", true}, /* 4959 */
	{"ENABLE", true}, /* 5161 */
	{"ID", true}, /* 2971 */
	{"IDLE", false}, /* 2177 */
	{"NAMESPACE", false}, /* 2342 */
	{"UNSELECT", false}, /* 3691 */
	{"UIDPLUS", false}, /* 4315 */
	{"CONDSTORE", false}, /* 7162 */
	{"QRESYNC", false}, /* 7162 */
	{"CHILDREN", false}, /* 3348 */
	{"LIST-EXTENDED", false}, /* 5258 */
	{"LIST-STATUS", false}, /* 5819 */
	{"LIST-MYRIGHTS", false}, /* 8440 */
	{"LIST-METADATA", false}, /* 9590 */
	{"SPECIAL-USE", false}, /* 6154 */
	{"CREATE-SPECIAL-USE", false}, /* 6154 */
	{"STATUS=SIZE", false}, /* 8438 */
	{"OBJECTID", false}, /* 8474 */
	{"QUOTA", false}, /* 9208 */
	{"QUOTA=RES-STORAGE", false}, /* 9208 */
	{"QUOTA=RES-MESSAGE", false}, /* 9208 */
	{"ACL", false}, /* 4314 */
	{"RIGHTS=texk", false}, /* 4314 */
	{"METADATA", false}, /* 5464 */
	{"NOTIFY", false}, /* 5465 */
	{"UTF8=ACCEPT", false}, /* 6855 */
	{"MOVE", false}, /* 6851 */
	{"MULTIAPPEND", false}, /* 3502 */
	{"CATENATE", false}, /* 4469 */
	{"BINARY", false}, /* 3516 */
	{"REPLACE", false}, /* 8508 */
	{"ESEARCH", false}, /* 4731 */
	{"SEARCHRES", false}, /* 5182 */
	{"WITHIN", false}, /* 5032 */
	{"SEARCH=FUZZY", false}, /* 6203 */
	{"SORT", false}, /* 5256 */
	{"SORT=DISPLAY", false}, /* 5957 */
	{"ESORT", false}, /* 5267 */
	{"THREAD=ORDEREDSUBJECT", false}, /* 5256 */
	{"THREAD=REFERENCES", false}, /* 5256 */
	{"PREVIEW", false}, /* 8970 */
	{"SAVEDATE", false}, /* 8514 */
	{"PARTIAL", false}, /* 9394 */
	{"UIDONLY", false}, /* 9586 */
	{"INPROGRESS", false}, /* 9585 */
};

static void put_login(struct imap *s)
{
	const struct imap_service *v = s->service;
	if (v->tls_mode == SESSION_TLS_OFFER && !s->tls)
		imap_put(s, S(" STARTTLS"));
	if (!s->tls && !v->auth_plaintext) {
		imap_put(s, S(" LOGINDISABLED"));
		return;
	}
	if (!imap_mech_offered(s, S("PLAIN")))
		imap_put(s, S(" LOGINDISABLED"));
	for (size_t i = 0; i < v->nmechs; i++)
		if (imap_mech_offered(s, v->mechs[i])) {
			imap_put(s, S(" AUTH="));
			imap_put(s, v->mechs[i]);
		}
}

void imap_put_capabilities(struct imap *s)
{
	const char *between = "";
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (words[i].always || s->user) {
			imap_putz(s, between);
			imap_putz(s, words[i].word);
			between = " ";
		}
	if (!s->user) {
		put_login(s);
		return;
	}
	if (!s->compressed)
		imap_put(s, S(" COMPRESS=DEFLATE"));
	imap_printf(s, " APPENDLIMIT=%lld", (long long)boxes_max_message(s->service->boxes));
	if (s->service->limits.messages)
		imap_printf(
			s, " MESSAGELIMIT=%llu", (unsigned long long)s->service->limits.messages);
}

void imap_cmd_capability(struct imap *s)
{
	if (!imap_end(&s->in)) {
		imap_complain(s);
		return;
	}
	imap_put(s, S("* CAPABILITY "));
	imap_put_capabilities(s);
	imap_put(s, S("\r\n"));
	imap_ok(s, NULL, "That is what can be had");
}
