/* Any text as a configuration: no crash; and what is accepted prints to a text that means the same.
 */
#include "base/mem.h"
#include "base/must.h"
#include "run/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct all {
	slice string, path;
	struct secret secret;
	struct conf_list list;
	int64_t number, size, duration;
	bool flag;
	int word;
	struct conf_addrs addrs;
	struct conf_nets nets;
};
static const char *const words[] = {"one", "two", NULL};
static const struct conf_key keys[] = {
	CONF_KEY_STRING(struct all, string, "x", "", ""),
	CONF_KEY_PATH(struct all, path, "/", "", ""),
	CONF_KEY_SECRET(struct all, secret, "", ""),
	CONF_KEY_LIST(struct all, list, "", "", ""),
	CONF_KEY_INT(struct all, number, "0", INT64_MIN + 1, INT64_MAX, "", ""),
	CONF_KEY_SIZE(struct all, size, "0", 0, INT64_MAX, "", ""),
	CONF_KEY_DURATION(struct all, duration, "0", 0, INT64_MAX, "", ""),
	CONF_KEY_BOOL(struct all, flag, "no", "", ""),
	CONF_KEY_ENUM(struct all, word, "one", words, "", ""),
	CONF_KEY_ADDRS(struct all, addrs, "", 25, "", ""),
	CONF_KEY_NETS(struct all, nets, "", "", ""),
	CONF_END,
};
static const struct conf_section plain = {"plain", keys, sizeof(struct all), false, "", "", NULL};
static const struct conf_section named = {"named", keys, sizeof(struct all), true, "", "", NULL};
static const struct conf_section *const sections[] = {&plain, &named, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	AUTO(conf) struct conf *c = NULL;
	AUTO(conf) struct conf *again = NULL;
	AUTO(buf) struct buf first = BUF(CONF_FILE_MAX), second = BUF(CONF_FILE_MAX);
	struct conf_errors errors;
	struct err e;
	if (conf_parse(slice_of(data, n), S(""), sections, n & 1 ? CONF_EN : CONF_ZH, &a, &c,
		    &errors, &e) < 0)
		return 0;
	conf_print(c, CONF_SHOW_SECRETS, &first);
	if (!buf_ok(&first))
		return 0;
	must(conf_parse(buf_slice(&first), S(""), sections, CONF_EN, &a, &again, &errors, &e) == 0);
	conf_print(again, CONF_SHOW_SECRETS, &second);
	must(slice_eq(buf_slice(&first), buf_slice(&second)));
	return 0;
}
