/* The configuration engine: values, mistakes with their places and sentences, includes, printing.
 */
#include "base/mem.h"
#include "base/test.h"
#include "run/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct food {
	slice name, path;
	struct secret pin;
	struct conf_list dishes;
	int64_t seats, size, wait;
	bool open;
	int taste;
	struct conf_addrs doors;
	struct conf_nets guests;
};

enum { SWEET, SOUR, HOT };
static const char *const tastes[] = {"sweet", "sour", "hot", NULL};

static void check_food(const void *value, slice instance, struct conf_check *c)
{
	const struct food *f = value;
	(void)instance;
	if (f->open && f->seats == 0)
		conf_complain(c, "seats", "an open house needs seats", "开门就要有座位");
}

static const struct conf_key food_keys[] = {
	CONF_KEY_STRING(struct food, name, "The Inn", "Its name.", "名称。"),
	CONF_KEY_PATH(struct food, path, "", "Where it is.", "位置。"),
	CONF_KEY_SECRET(struct food, pin, "Opens the safe.", "保险柜密码。"),
	CONF_KEY_LIST(struct food, dishes, "rice tea", "What there is.", "菜单。"),
	CONF_KEY_INT(struct food, seats, "20", 0, 500, "Chairs.", "座位数。"),
	CONF_KEY_SIZE(struct food, size, "50m", 1024, 1LL << 40, "Of a dish.", "份量。"),
	CONF_KEY_DURATION(struct food, wait, "15m", 0, DAY, "For a dish.", "等待。"),
	CONF_KEY_BOOL(struct food, open, "yes", "Now.", "营业。"),
	CONF_KEY_ENUM(struct food, taste, "sour", tastes, "Main taste.", "口味。"),
	CONF_KEY_ADDRS(struct food, doors, "", 25, "Entrances.", "入口。"),
	CONF_KEY_NETS(struct food, guests, "127.0.0.0/8 ::1", "Who may come in.", "客人。"),
	CONF_END,
};
static const struct conf_section food_section = {
	"food", food_keys, sizeof(struct food), false, "The kitchen.", "厨房。", check_food};

struct room {
	int64_t beds;
};
static const struct conf_key room_keys[] = {
	CONF_KEY_INT(struct room, beds, "2", 1, 9, "Beds.", "床位。"),
	CONF_END,
};
static const struct conf_section room_section = {
	"room", room_keys, sizeof(struct room), true, "A room.", "房间。", NULL};

static const struct conf_section *const sections[] = {&food_section, &room_section, NULL};

static struct arena a;

static struct conf *good(const char *text)
{
	struct conf *c;
	struct conf_errors errors;
	struct err e;
	if (conf_parse(slice_z(text), S("t"), sections, CONF_EN, &a, &c, &errors, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return c;
}

static slice joined(const struct conf_errors *l)
{
	struct buf b = BUF(1 << 20);
	for (size_t i = 0; i < l->n; i++)
		buf_printf(&b, "%.*s\n", SFMT(l->v[i]));
	slice s = arena_dup(&a, buf_slice(&b));
	buf_done(&b);
	return s;
}

static slice bad(const char *text, enum conf_lang lang)
{
	struct conf *c;
	struct conf_errors errors = {0};
	struct err e;
	CHECK(conf_parse(slice_z(text), S("t"), sections, lang, &a, &c, &errors, &e) == -1);
	CHECK(e.kind == ERR_PERM && errors.n > 0);
	return joined(&errors);
}

TEST(conf_empty_is_valid)
{
	AUTO(conf) struct conf *c = good("");
	const struct food *f = conf_get(c, &food_section);
	CHECK_STR(f->name, S("The Inn"));
	CHECK(f->path.n == 0 && f->pin.value.n == 0 && f->doors.n == 0 && f->guests.n == 2);
	CHECK(f->dishes.n == 2);
	CHECK_STR(f->dishes.v[1], S("tea"));
	CHECK_INT(f->seats, 20);
	CHECK_INT(f->size, 50 << 20);
	CHECK_INT(f->wait, 15 * MINUTE);
	CHECK(f->open && f->taste == SOUR);
	CHECK_INT(conf_count(c, &room_section), 0);
	arena_done(&a);
}

TEST(conf_reads_every_type)
{
	AUTO(conf)
	struct conf *c = good("\xef\xbb\xbf# a comment\r\n"
			      "[food] # another\n"
			      "name = Red  Lion \t # and one more\n"
			      "path=/a/b#c\n"
			      "pin = \"# \\\"x\\\\y\\\" \"\n"
			      "dishes = rice\n"
			      "  \"sweet pea\" a\" b\"\n"
			      "# in between\n"
			      "\tpie#1 \"\"\n"
			      "\n"
			      "seats = 7\n"
			      "size = 64K\n"
			      "wait = 90s\n"
			      "open = OFF\n"
			      "taste = hot\n"
			      "doors = 127.0.0.1 [::1]:2525\n"
			      "guests = 192.0.2.0/24 2001:db8::/32\n");
	const struct food *f = conf_get(c, &food_section);
	CHECK_STR(f->name, S("Red  Lion"));
	CHECK(f->name.p[f->name.n] == 0);
	CHECK_STR(f->path, S("/a/b#c"));
	CHECK_STR(f->pin.value, S("# \"x\\y\" "));
	CHECK_INT(f->dishes.n, 5);
	CHECK_STR(f->dishes.v[1], S("sweet pea"));
	CHECK_STR(f->dishes.v[2], S("a b"));
	CHECK_STR(f->dishes.v[3], S("pie#1"));
	CHECK_STR(f->dishes.v[4], S(""));
	CHECK(f->seats == 7 && f->size == 65536 && f->wait == 90 * SECOND && !f->open &&
		f->taste == HOT);
	CHECK(f->doors.n == 2 && net_port(&f->doors.v[0]) == 25 &&
		net_port(&f->doors.v[1]) == 2525);
	CHECK(f->guests.n == 2 && f->guests.v[1].bits == 32);
	arena_done(&a);
}

TEST(conf_named_sections_repeat)
{
	AUTO(conf)
	struct conf *c =
		good("[room \"blue\"]\nbeds = 3\n[room \"red one\"]\n[food]\n[room blue]\n");
	slice name;
	CHECK_INT(conf_count(c, &room_section), 2);
	CHECK_INT(((const struct room *)conf_nth(c, &room_section, 0, &name))->beds, 3);
	CHECK_STR(name, S("blue"));
	CHECK_INT(((const struct room *)conf_nth(c, &room_section, 1, &name))->beds, 2);
	CHECK_STR(name, S("red one"));
	CHECK(conf_named(c, &room_section, S("red one")) &&
		!conf_named(c, &room_section, S("green")));
	arena_done(&a);
}

TEST(conf_tells_every_mistake)
{
	struct {
		const char *text, *want;
	} table[] = {
		{"[fod]\nx = 1\n", "t:1: unknown section [fod]; did you mean [food]?\n"},
		{"[garage]\n", "t:1: unknown section [garage]; the sections are: food, room\n"},
		{"[food]\nseat = 1\n",
			"t:2: unknown key 'seat' in [food]; did you mean 'seats'?\n"},
		{"[room \"x\"]\ncurtains = 1\n",
			"t:2: unknown key 'curtains' in [room]; its keys are: beds\n"},
		{"seats = 1\n", "t:1: 'seats' stands before the first [section]\n"},
		{"[room]\n", "t:1: [room] needs a name, like [room \"main\"]\n"},
		{"[food \"x\"]\nseats = x\n", "t:1: [food] takes no name\n"},
		{"[food]\nseats = 1\n[food]\nseats = 2\n",
			"t:4: 'seats' is set twice in [food]; the first is at t:2\n"},
		{"[food]\nseats = many\n", "t:2: seats: 'many' is not a whole number\n"},
		{"[food]\nseats =\n", "t:2: seats: '' is not a whole number\n"},
		{"[food]\nseats = 501\n", "t:2: seats: '501' is out of range: 0 to 500\n"},
		{"[food]\nseats = -1\n", "t:2: seats: '-1' is out of range: 0 to 500\n"},
		{"[food]\nseats = 99999999999999999999\n",
			"t:2: seats: '99999999999999999999' is not a whole number\n"},
		{"[food]\nsize = 10x\n", "t:2: size: '10x' is not a size: write a number with k, "
					 "m, g or t, like 50m\n"},
		{"[food]\nsize = 9999999999t\n", "t:2: size: '9999999999t' is not a size: write a "
						 "number with k, m, g or t, like 50m\n"},
		{"[food]\nsize = 1023\n", "t:2: size: '1023' is out of range: 1k to 1t\n"},
		{"[food]\nwait = 2 h\n", "t:2: wait: '2 h' is not a duration: write a number with "
					 "ms, s, m, h, d or w, like 15m\n"},
		{"[food]\nwait = 25h\n", "t:2: wait: '25h' is out of range: 0s to 1d\n"},
		{"[food]\nopen = maybe\n", "t:2: open: 'maybe' is neither yes nor no\n"},
		{"[food]\ntaste = salty\n", "t:2: taste: 'salty' is none of: sweet, sour, hot\n"},
		{"[food]\npath = a/b\n",
			"t:2: path: 'a/b' is not an absolute path: it must begin with /\n"},
		{"[food]\nname = \"x\n", "t:2: a quote is not closed in this line\n"},
		{"[food]\nseats = 0\n", "t:2: [food] seats: an open house needs seats\n"},
		{"[food]\nopen = yes\nseats = 0\n",
			"t:3: [food] seats: an open house needs seats\n"},
		{"[food]\nname\n", "t:2: 'name' is neither a [section] nor 'key = value' nor "
				   "'include FILE'\n"},
		{"[food\n", "t:1: '[food' is no section: write [name], or [name \"instance\"] for "
			    "those that have names\n"},
		{"[food]\n\tname = x\n", "t:2: an indented line continues the value above it, but "
					 "there is none; keys and sections begin in the "
					 "first column\n"},
		{"[food]\nname = x\n seats = 3\n",
			"t:3: this indented line would continue 'name'; if 'seats' is meant as a "
			"key, remove the white space "
			"before it\n"},
		{"[food]\nname = a\x01\n",
			"t:2: control characters, or more than 65536 bytes, in one line\n"},
		{"include /no/such/file\n",
			"t:1: cannot include /no/such/file: No such file or directory\n"},
		{"include /dev/null\n", "t:1: cannot include /dev/null: not a regular file\n"},
		{"[fod]\n[food]\nsets = 1\nopen = si\n[room]\n",
			"t:1: unknown section [fod]; did you mean [food]?\nt:3: unknown key 'sets' "
			"in [food]; did you mean "
			"'seats'?\nt:4: open: 'si' is neither yes nor no\nt:5: [room] needs a "
			"name, like [room \"main\"]\n"},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		CHECK_STR(bad(table[i].text, CONF_EN), slice_z(table[i].want));
	CHECK_STR(bad("[food]\nseats = viele\nsiez = 1\n", CONF_ZH),
		S("t:2: seats：“viele” 不是整数\nt:3: 未知的键“siez”（段 "
		  "[food]）；是否应为“size”？\n"));
	arena_done(&a);
}

TEST(conf_never_shows_a_secret)
{
	AUTO(conf) struct conf *c = good("[food]\npin = hunter2\n");
	AUTO(buf) struct buf out = BUF(1 << 20), clear = BUF(1 << 20);
	conf_print(c, CONF_SHOW_ALL, &out);
	CHECK_INT(slice_find(buf_slice(&out), S("hunter2")), out.n);
	CHECK(slice_find(buf_slice(&out), S("pin = ***\n")) < out.n);
	conf_print(c, CONF_SHOW_SECRETS, &clear);
	CHECK(slice_find(buf_slice(&clear), S("pin = hunter2\n")) < clear.n);
	arena_done(&a);
}

TEST(conf_prints_what_it_reads_back)
{
	AUTO(conf)
	struct conf *c =
		good("[food]\nname = \" a # \\\" \\\\ \"\npin = \" x\"\ndishes = a \"b c\" \"\" "
		     "d#e \"#\"\n"
		     "wait = 5400\nsize = 1536k\ndoors = *:25 unix:/run/x [2001:db8::1]\nguests =\n"
		     "[room \"x y\"]\n[room \"z\"]\nbeds = 9\n");
	AUTO(buf) struct buf first = BUF(1 << 20), second = BUF(1 << 20);
	conf_print(c, CONF_SHOW_SECRETS, &first);
	CHECK(slice_find(buf_slice(&first), S("wait = 90m\n")) < first.n);
	CHECK(slice_find(buf_slice(&first), S("size = 1536k\n")) < first.n);
	buf_byte(&first, 0);
	AUTO(conf) struct conf *again = good(first.p);
	first.n--;
	conf_print(again, CONF_SHOW_SECRETS, &second);
	CHECK_STR(buf_slice(&second), buf_slice(&first));
	buf_reset(&second);
	conf_print(c, CONF_SHOW_CHANGED, &second);
	CHECK(slice_find(buf_slice(&second), S("seats")) == second.n);
	arena_done(&a);
}

TEST(conf_documents_itself)
{
	AUTO(buf) struct buf en = BUF(1 << 20), zh = BUF(1 << 20), filled = BUF(1 << 20);
	conf_print_defaults(sections, CONF_EN, &en);
	conf_print_defaults(sections, CONF_ZH, &zh);
	CHECK(slice_find(buf_slice(&en), S("# Chairs.\n# (number, 0 to 500)\n#seats = 20\n")) <
		en.n);
	CHECK(slice_find(buf_slice(&en), S("# (one of: sweet, sour, hot)\n#taste = sour\n")) <
		en.n);
	CHECK(slice_find(buf_slice(&zh), S("# 份量。\n# (大小, 1k 至 1t)\n#size = 50m\n")) < zh.n);
	slice rest = buf_slice(&zh), line;
	while (slice_cut(&rest, '\n', &line))
		CHECK(line.n < 160); /* wrapped: 98 columns */
	/* The defaults are valid as they are, and with every key uncommented. */
	buf_byte(&en, 0);
	conf_free(good(en.p));
	for (size_t i = 0; i < en.n - 1; i++)
		if (!(en.p[i] == '#' && en.p[i + 1] != ' ' && (i == 0 || en.p[i - 1] == '\n')))
			buf_byte(&filled, en.p[i]);
	buf_byte(&filled, 0);
	conf_free(good(filled.p));
	arena_done(&a);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

TEST(conf_includes_files)
{
	char dir[] = "/tmp/ph-conf-XXXXXX", path[64], cmd[64];
	struct conf *c;
	struct conf_errors errors;
	struct err e;
	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/conf.d", dir);
	CHECK(mkdir(path, 0700) == 0);
	snprintf(path, sizeof path, "%s/main", dir);
	write_file(dir, "main",
		"[food]\nseats = 3\ninclude conf.d/*.conf\nopen = no\ninclude none/*.x\n");
	write_file(dir, "conf.d/1.conf", "[room \"one\"]\nbeds = 1\n");
	write_file(dir, "conf.d/2.conf", "include 3.inc\n");
	write_file(dir, "conf.d/3.inc", "[food]\nname = three");
	CHECK(conf_load(slice_z(path), sections, CONF_EN, &a, &c, &errors, &e) == 0);
	const struct food *f = conf_get(c, &food_section);
	CHECK(f->seats == 3 && !f->open && conf_count(c, &room_section) == 1);
	CHECK_STR(f->name, S("three"));
	conf_free(c);

	write_file(dir, "conf.d/3.inc",
		"name = three\nname = four\n[room \"one\"]\nbeds = 10\n\ninclude 2.conf\n");
	CHECK(conf_load(slice_z(path), sections, CONF_EN, &a, &c, &errors, &e) == -1);
	slice all = joined(&errors);
	CHECK(slice_find(
		      all, S("conf.d/3.inc:4: 'beds' is set twice in [room]; the first is at ")) <
		all.n);
	CHECK(slice_find(all, S("circle of includes")) < all.n);
	snprintf(cmd, sizeof cmd, "rm -r %s", dir);
	CHECK(system(cmd) == 0);
	CHECK(conf_load(slice_z(path), sections, CONF_EN, &a, &c, &errors, &e) == -1 &&
		e.kind == ERR_NOTFOUND);
	CHECK_INT(errors.n, 1);
	arena_done(&a);
}

TEST(conf_without_name_includes_nothing)
{
	struct conf *c;
	struct conf_errors errors;
	struct err e;
	CHECK(conf_parse(S("include /etc/hostname\n"), S(""), sections, CONF_EN, &a, &c, &errors,
		      &e) == -1);
	arena_done(&a);
}

/* ---- documents ---- */

static void review_rooms(void *arg, struct conf_review *r)
{
	size_t n = conf_count(r->conf, &room_section);
	CHECK_INT(n, 3);
	CHECK(conf_written(r->conf, &room_section, 0, "beds"));
	CHECK(!conf_written(r->conf, &room_section, 1, "beds"));
	CHECK(conf_sound(r->conf, &room_section, 0) && !conf_sound(r->conf, &room_section, 2));
	conf_review_warning(r, &room_section, 0, "beds", "%d is many", "%d 太多", 9);
	conf_review_warning(r, &room_section, 1, "beds", "how many?", "多少？");
	if (*(bool *)arg)
		conf_review_mistake(r, &room_section, 1, NULL, "no %s", "没有%s", "view");
}

static const char rooms[] = "[room \"a\"]\nbeds = 9\n[room \"b\"]\n[room \"c\"]\nbeds = x\n"
			    "include /etc/hostname\n";

TEST(conf_documents_are_looked_through_as_a_whole)
{
	bool complain = true;
	struct conf_reviewer reviewer = {.review = review_rooms, .arg = &complain};
	struct conf *c;
	struct conf_errors errors;
	struct err e;
	CHECK(conf_parse_document(slice_z(rooms), S("d"), sections, CONF_EN, &reviewer, &a, &c,
		      &errors, &e) == -1);
	CHECK_INT(errors.n, 3);
	CHECK_STR(errors.v[0], S("d:6: include is not allowed here"));
	CHECK(slice_starts(errors.v[1], S("d:5: beds: 'x'")));
	CHECK_STR(errors.v[2], S("d:3: no view"));
	CHECK_INT(reviewer.warnings.n, 2);
	CHECK_STR(reviewer.warnings.v[0], S("d:2: 9 is many"));
	CHECK_STR(reviewer.warnings.v[1], S("d:3: how many?"));
	CHECK(conf_parse_document(slice_z(rooms), S("d"), sections, CONF_ZH, &reviewer, &a, &c,
		      &errors, &e) == -1);
	CHECK_STR(errors.v[2], S("d:3: 没有view"));
	arena_done(&a);
}

TEST(conf_errors_are_limited)
{
	AUTO(buf) struct buf b = BUF(1 << 20);
	struct conf *c;
	struct conf_errors errors;
	struct err e;
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "[bad%d]\n", i);
	CHECK(conf_parse(buf_slice(&b), S("t"), sections, CONF_EN, &a, &c, &errors, &e) == -1);
	CHECK_INT(errors.n, CONF_ERRORS_MAX);
	arena_done(&a);
}
