/*
 * Any bytes as a letter, under scripts that look at everything: they end within limits, twice alike; and what they edit is a letter
 * again.
 */
#include "base/mem.h"
#include "base/must.h"
#include "sieve/sieve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const scripts[] = {
	"require "
	"[\"body\",\"mime\",\"foreverypart\",\"extracttext\",\"variables\",\"fileinto\",\"regex\","
	"\"date\",\"index\",\"relational\","
	"\"copy\",\"subaddress\",\"imap4flags\"];"
	"if header :matches [\"subject\",\"from\"] \"*a*?*\" { set \"s\" \"${1}${2}${3}\"; }"
	"if address :all :matches [\"from\",\"to\",\"cc\"] \"*@*\" { set :lower \"a\" \"${2}\"; }"
	"if address :detail :contains \"to\" \"x\" { addflag \"$X\"; }"
	"if body :text :regex \"h(.)l+o\" { fileinto :copy \"R\"; }"
	"if anyof(body :content [\"text\",\"multipart\",\"message/rfc822\"] :contains \"q\", body "
	":raw :matches \"*z\") { keep; }"
	"foreverypart { if header :mime :anychild :param [\"name\",\"charset\"] :contains "
	"\"content-type\" \"a\" { extracttext :first 9 \"t\"; } }"
	"if date :originalzone :index 1 \"received\" \"iso8601\" \"2\" { stop; }"
	"if date :zone \"+0800\" :value \"gt\" \"date\" \"std11\" \"2\" { addflag \"${s} ${t}\"; }",
	"require "
	"[\"editheader\",\"replace\",\"enclose\",\"foreverypart\",\"mime\",\"vacation\","
	"\"enotify\",\"variables\"];"
	"deleteheader :contains \"subject\" \"a\"; addheader \"X\" \"y\"; vacation \"v\";"
	"if header :matches \"subject\" \"*\" { notify :message \"${1}\" \"mailto:a@example.com\"; "
	"addheader \"Z\" \"${1}\"; }"
	"foreverypart { if header :mime :type \"content-type\" \"text\" { replace \"gone\"; } if "
	"header :mime :contenttype \"content-type\" "
	"\"message/rfc822\" { foreverypart { replace \"in\"; } } }"
	"if exists \"x-wrap\" { enclose :subject \"s\" :headers \"X-A: b\" \"text\"; }",
};

static void check_edits(const struct sieve_result *r, slice message, struct arena *a)
{
	slice header, body, again_header, again_body;
	sieve_edited(message, r->edits, r->nedits, a, &header, &body);
	slice whole = arena_printf(a, "%.*s%.*s", SFMT(header), SFMT(body));
	sieve_edited(whole, NULL, 0, a, &again_header, &again_body);
	must(again_header.n + again_body.n == whole.n);
}

static void run(const struct sieve_script *s, slice message)
{
	AUTO(arena) struct arena a = {0};
	struct sieve_result r[2];
	struct sieve_limits l = sieve_limits_default;
	struct sieve_input q = {.scripts = &s,
		.nscripts = 1,
		.message = message,
		.sender = S("a@example.com"),
		.limits = &l};
	l.steps = 1000000;
	q.recipient = S("b+x@example.com");
	q.separator = '+';
	for (int i = 0; i < 2; i++)
		sieve_run(&q, &a, &r[i]);
	must(r[0].end == r[1].end && r[0].steps == r[1].steps && r[0].nactions == r[1].nactions);
	must(r[0].end != SIEVE_FAILED || r[0].actions[r[0].nactions - 1].kind == SIEVE_KEEP);
	check_edits(&r[0], message, &a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct arena forever;
	static const struct sieve_script *made[2];
	for (size_t i = 0; i < 2; i++) {
		struct sieve_mistakes m;
		struct sieve_source s = {.name = S("fuzz"), .text = slice_z(scripts[i])};
		if (!made[i])
			made[i] = sieve_compile(&s, 0, &forever, &m);
		must(made[i]);
		run(made[i], slice_of(data, n));
	}
	return 0;
}
