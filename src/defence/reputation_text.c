/* Names and sentences of the reputation, in English and Chinese, for signals and people. */
#include "defence/reputation.h"

#include "base/mem.h"

static const char *const kinds[REP_KINDS] = {
	"ip", "network", "asn", "helo", "domain", "dkim", "sender", "origin"};
static const char *const events[REP_EVENTS] = {"accepted", "good", "spam", "phishing", "virus",
	"unknown-user", "harvest", "refused", "abuse", "reported"};

const char *rep_kind_name(enum rep_kind k)
{
	return kinds[k];
}

bool rep_kind_parse(slice s, enum rep_kind *ret)
{
	for (int i = 0; i < REP_KINDS; i++)
		if (slice_ieq(s, slice_z(kinds[i]))) {
			*ret = (enum rep_kind)i;
			return true;
		}
	return false;
}

const char *rep_event_name(enum rep_event e)
{
	return events[e];
}

static long long whole(double v)
{
	return (long long)(v + 0.5);
}

/* "spam 12, unknown-user 40": the largest three. */
static void put_events(struct buf *out, const struct rep_answer *a)
{
	bool told[REP_EVENTS] = {false};
	for (int round = 0; round < 3; round++) {
		int most = -1;
		for (int i = 0; i < REP_EVENTS; i++)
			if (i != REP_ACCEPTED && !told[i] && whole(a->events[i]) > 0 &&
				(most < 0 || a->events[i] > a->events[most]))
				most = i;
		if (most < 0)
			break;
		told[most] = true;
		buf_printf(
			out, "%s%s %lld", round ? ", " : "", events[most], whole(a->events[most]));
	}
}

void reputation_explain(struct buf *out, enum rep_kind kind, slice name,
	const struct rep_answer *answer, enum conf_lang lang)
{
	AUTO(buf) struct buf seen = BUF(200);
	bool zh = lang == CONF_ZH;
	long long n = whole(answer->messages), bad = whole(answer->bad_share * 100);
	put_events(&seen, answer);
	buf_printf(out, "%s %.*s%s", kinds[kind], SFMT(name), zh ? "：" : ": ");
	if (zh)
		buf_printf(out, "%u 天内 %lld 封邮件，%lld%% 不良", answer->window_days, n, bad);
	else
		buf_printf(out, "%lld message%s in %u days, %lld %% bad", n, n == 1 ? "" : "s",
			answer->window_days, bad);
	if (seen.n)
		buf_printf(out, zh ? "（%.*s）" : " (%.*s)", SFMT(buf_slice(&seen)));
	if (answer->rate >= 1 && answer->rate > 3 * answer->baseline)
		buf_printf(out,
			zh ? "；最近一小时 %lld 封，平常 %.1f 封"
			   : "; %lld in the last hour, usually %.1f",
			whole(answer->rate), answer->baseline);
}
