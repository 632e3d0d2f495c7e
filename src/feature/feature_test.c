/* Packs: what is written is read, whatever is changed is refused; keys, serials, sets, the depot. */
#include "base/mem.h"
#include "base/test.h"
#include "feature/file.h"
#include <archive.h>
#include <archive_entry.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct made {
	struct arena mem;
	struct buf pem, manifest, signatures, archive;
	struct feature_key key;
	struct feature_keys trusted;
	struct feature_pack p;
};

static const char rules_text[] = "rule x-test 5\n\ten a test\n\ttext has zauberwort\n";
static const char list_text[] = "block domain bad.example\n";

static void make_key(struct made *m)
{
	struct err e;
	m->pem = BUF(4096);
	CHECK_INT(feature_key_make(&m->pem, &m->key, &e), 0);
	m->trusted.n = 0;
	CHECK(feature_keys_add(&m->trusted, &m->key));
}

static void add_file(struct feature_pack *p, slice name, slice bytes)
{
	struct feature_file *f = &p->m.files[p->m.nfiles];
	f->name = name;
	f->size = bytes.n;
	CHECK(feature_kind_of(name, &f->kind));
	feature_sha256(bytes, f->sha256);
	p->bytes[p->m.nfiles++] = bytes;
}

static void finish(struct made *m)
{
	struct err e;
	m->manifest = BUF(FEATURE_MANIFEST_MAX);
	m->signatures = BUF(FEATURE_SIGNATURES_MAX);
	m->archive = BUF(FEATURE_PACK_MAX);
	feature_manifest_write(&m->p.m, &m->manifest);
	CHECK_INT(feature_sign(buf_slice(&m->pem), buf_slice(&m->manifest), &m->signatures, &e), 0);
	m->p.manifest = buf_slice(&m->manifest);
	m->p.signatures = buf_slice(&m->signatures);
	CHECK_INT(feature_pack_write(&m->p, &m->archive, &e), 0);
}

static struct made make(uint64_t serial)
{
	struct made m = {0};
	make_key(&m);
	m.p.m = (struct feature_manifest){.name = S("vendor"),
		.version = S("2026.11"),
		.serial = serial,
		.made_at = 1795000000 * SECOND,
		.needs = S("0.1"),
		.notes_en = S("what is new"),
		.notes_zh = S("更新内容")};
	m.p.m.files = ARENA_ARRAY(&m.mem, struct feature_file, 4);
	m.p.bytes = ARENA_ARRAY(&m.mem, slice, 4);
	add_file(&m.p, S("a.rules"), slice_z(rules_text));
	add_file(&m.p, S("b.list"), slice_z(list_text));
	finish(&m);
	return m;
}

static void done(struct made *m)
{
	buf_done(&m->pem);
	buf_done(&m->manifest);
	buf_done(&m->signatures);
	buf_done(&m->archive);
	arena_done(&m->mem);
}

static int try_read(struct made *m, slice archive, struct feature_pack *ret, struct err *e)
{
	return feature_pack_read(archive, &m->trusted, &m->mem, ret, e);
}

TEST(pack_comes_back)
{
	struct made m = make(7);
	struct feature_pack got, again;
	struct err e;
	CHECK_INT(try_read(&m, buf_slice(&m.archive), &got, &e), 0);
	CHECK_STR(got.m.name, S("vendor"));
	CHECK_INT(got.m.serial, 7);
	CHECK_STR(got.m.notes_zh, S("更新内容"));
	CHECK_INT(got.m.made_at, 1795000000 * SECOND);
	CHECK_INT(got.m.nfiles, 2);
	CHECK_STR(got.bytes[0], slice_z(rules_text));
	CHECK_INT(got.m.files[1].kind, FEATURE_LISTS);
	AUTO(buf) struct buf wire = BUF(1 << 20);
	feature_pack_encode(&got, &wire);
	CHECK_INT(feature_pack_decode(buf_slice(&wire), &m.trusted, &m.mem, &again, &e), 0);
	CHECK_STR(again.bytes[1], slice_z(list_text));
	done(&m);
}

/* Every byte of manifest, signatures and files, as they travel between processes. */
TEST(each_byte_is_signed)
{
	struct made m = make(7);
	AUTO(buf) struct buf wire = BUF(1 << 20);
	feature_pack_encode(&m.p, &wire);
	for (size_t i = 0; i < wire.n; i++) {
		struct feature_pack got;
		struct err e;
		AUTO(arena) struct arena a = {0};
		wire.p[i] ^= 1;
		int r = feature_pack_decode(buf_slice(&wire), &m.trusted, &a, &got, &e);
		/* The end of the line of signatures may be another white space or be absent. */
		if (r == 0)
			test_fail(__FILE__, __LINE__, "byte %zu of %zu may be changed", i, wire.n);
		wire.p[i] ^= 1;
	}
	done(&m);
}

/* Of the archive: what is read is what was signed, or nothing is. Cut anywhere, nothing is. */
TEST(archive_damaged_or_cut)
{
	struct made m = make(7);
	for (size_t i = 0; i < m.archive.n; i++) {
		struct feature_pack got;
		struct err e;
		AUTO(arena) struct arena a = {0};
		CHECK(feature_pack_read(
			      slice_first(buf_slice(&m.archive), i), &m.trusted, &a, &got, &e) < 0);
		m.archive.p[i] ^= 0x11;
		if (feature_pack_read(buf_slice(&m.archive), &m.trusted, &a, &got, &e) == 0) {
			CHECK_STR(got.bytes[0], slice_z(rules_text));
			CHECK_STR(got.bytes[1], slice_z(list_text));
		}
		m.archive.p[i] ^= 0x11;
	}
	done(&m);
}

TEST(unknown_key_is_refused)
{
	struct made m = make(7), other = make(7);
	struct feature_pack got;
	struct err e;
	CHECK(feature_pack_read(buf_slice(&m.archive), &other.trusted, &m.mem, &got, &e) < 0);
	CHECK_INT(e.kind, ERR_DENIED);
	other.trusted.n = 0;
	CHECK(feature_pack_read(buf_slice(&m.archive), &other.trusted, &m.mem, &got, &e) < 0);
	/* Two have signed: one of them is enough. */
	CHECK_INT(
		feature_sign(buf_slice(&other.pem), buf_slice(&m.manifest), &m.signatures, &e), 0);
	CHECK(feature_keys_add(&other.trusted, &other.key));
	m.p.signatures = buf_slice(&m.signatures);
	buf_reset(&m.archive);
	CHECK_INT(feature_pack_write(&m.p, &m.archive, &e), 0);
	CHECK_INT(feature_pack_read(buf_slice(&m.archive), &other.trusted, &m.mem, &got, &e), 0);
	CHECK(memcmp(got.by.bytes, other.key.bytes, sizeof got.by.bytes) == 0);
	done(&m);
	done(&other);
}

TEST(next_keys_travel)
{
	struct made m = make(7);
	struct feature_key next;
	AUTO(buf) struct buf pem = BUF(4096);
	struct feature_pack got;
	struct err e;
	CHECK_INT(feature_key_make(&pem, &next, &e), 0);
	CHECK(feature_keys_add(&m.p.m.next, &next));
	buf_done(&m.manifest);
	buf_done(&m.signatures);
	buf_done(&m.archive);
	finish(&m);
	CHECK_INT(try_read(&m, buf_slice(&m.archive), &got, &e), 0);
	CHECK_INT(got.m.next.n, 1);
	CHECK(feature_keys_have(&got.m.next, &next));
	done(&m);
}

TEST(keys_as_text)
{
	struct made m = make(1);
	char text[FEATURE_KEY_TEXT], id[FEATURE_KEY_ID];
	struct feature_key k;
	feature_key_print(&m.key, text);
	feature_key_id(&m.key, id);
	CHECK_INT(strlen(id), 16);
	CHECK(feature_key_parse(slice_z(text), &k));
	CHECK(memcmp(k.bytes, m.key.bytes, sizeof k.bytes) == 0);
	CHECK(!feature_key_parse(S("ed25519:"), &k));
	CHECK(!feature_key_parse(S("ed25519:AAAA"), &k));
	CHECK(!feature_key_parse(slice_skip(slice_z(text), 1), &k));
	CHECK(!feature_key_parse(slice_first(slice_z(text), strlen(text) - 1), &k));
	done(&m);
}

/* ---- archives that others might make ---- */

struct member {
	const char *path, *link;
	int type;
	const char *bytes;
};

static void put_member(struct archive *w, const char *path, int type, const char *link, slice bytes)
{
	struct archive_entry *v = archive_entry_new();
	archive_entry_set_pathname(v, path);
	archive_entry_set_filetype(v, (unsigned)type);
	archive_entry_set_perm(v, 0644);
	archive_entry_set_size(v, type == AE_IFREG ? (la_int64_t)bytes.n : 0);
	if (link && type == AE_IFLNK)
		archive_entry_set_symlink(v, link);
	else if (link)
		archive_entry_set_hardlink(v, link);
	archive_write_header(w, v);
	if (type == AE_IFREG && !link)
		archive_write_data(w, bytes.p, bytes.n);
	archive_entry_free(v);
}

static slice hostile(struct made *m, const struct member *v, size_t n)
{
	static char room[1 << 20];
	size_t used = 0;
	struct archive *w = archive_write_new();
	archive_write_add_filter_zstd(w);
	archive_write_set_format_pax_restricted(w);
	archive_write_open_memory(w, room, sizeof room, &used);
	put_member(w, "manifest.json", AE_IFREG, NULL, m->p.manifest);
	put_member(w, "manifest.sig", AE_IFREG, NULL, m->p.signatures);
	for (size_t i = 0; i < n; i++)
		put_member(w, v[i].path, v[i].type, v[i].link, slice_z(v[i].bytes));
	archive_write_close(w);
	archive_write_free(w);
	return slice_of(room, used);
}

TEST(members_are_those_of_the_manifest)
{
	struct made m = make(7);
	const struct member good[] = {
		{"a.rules", NULL, AE_IFREG, rules_text}, {"b.list", NULL, AE_IFREG, list_text}};
	const struct {
		struct member v[3];
		size_t n;
	} bad[] = {
		{{{"a.rules", NULL, AE_IFREG, rules_text}}, 1},
		{{good[1], good[0]}, 2},
		{{good[0], good[1], {"c.rules", NULL, AE_IFREG, "x"}}, 3},
		{{good[0], good[1], good[1]}, 3},
		{{{"./a.rules", NULL, AE_IFREG, rules_text}, good[1]}, 2},
		{{{"../a.rules", NULL, AE_IFREG, rules_text}, good[1]}, 2},
		{{{"a.rules", "/etc/passwd", AE_IFLNK, ""}, good[1]}, 2},
		{{{"a.rules", "manifest.json", AE_IFREG, ""}, good[1]}, 2},
		{{{"a.rules", NULL, AE_IFDIR, ""}, good[1]}, 2},
		{{{"a.rules", NULL, AE_IFREG, "rule other 5\n"}, good[1]}, 2},
	};
	struct feature_pack got;
	struct err e;
	CHECK_INT(try_read(&m, hostile(&m, good, 2), &got, &e), 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (try_read(&m, hostile(&m, bad[i].v, bad[i].n), &got, &e) == 0)
			test_fail(__FILE__, __LINE__, "case %zu is taken", i);
	CHECK(try_read(&m, S(""), &got, &e) < 0);
	CHECK(try_read(&m, S("PK\3\4"), &got, &e) < 0);
	done(&m);
}

/* ---- the manifest ---- */

#define HEAD "{\"format\":1,\"name\":\"vendor\",\"version\":\"1\",\"serial\":3,"
#define DIGEST "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ONE(name, kind)                                                                            \
	"{\"name\":\"" name "\",\"kind\":\"" kind "\",\"size\":0,\"sha256\":\"" DIGEST "\"}"

TEST(manifests)
{
	static const struct {
		const char *json;
		bool good;
	} v[] = {
		{HEAD "\"files\":[]}", true},
		{HEAD "\"files\":[" ONE("a.rules", "rules") "]}", true},
		{HEAD "\"files\":[" ONE("base.model", "model") "," ONE("x.ndb", "clamav") "]}",
			true},
		{HEAD "\"files\":[" ONE("a.rules", "lists") "]}", false},
		{HEAD "\"files\":[" ONE("a.rules", "rules") "," ONE("a.rules", "rules") "]}",
			false},
		{HEAD "\"files\":[" ONE("../a.rules", "rules") "]}", false},
		{HEAD "\"files\":[" ONE("b/a.rules", "rules") "]}", false},
		{HEAD "\"files\":[" ONE(".a.rules", "rules") "]}", false},
		{HEAD "\"files\":[" ONE("a.exe", "rules") "]}", false},
		{HEAD "\"files\":[{\"name\":\"a.rules\",\"kind\":\"rules\",\"size\":0,\"sha256\":"
		      "\"00\"}]}",
			false},
		{HEAD "\"files\":[{\"name\":\"a.rules\",\"kind\":\"rules\",\"size\":99999999999,"
		      "\"sha256\":\"" DIGEST "\"}]}",
			false},
		{HEAD "\"files\":{}}", false},
		{HEAD "\"needs\":\"9 9\",\"files\":[]}", false},
		{HEAD "\"next_keys\":[\"ed25519:x\"],\"files\":[]}", false},
		{HEAD "\"serial\":4,\"files\":[]}", false},
		{"{\"format\":2,\"name\":\"vendor\",\"version\":\"1\",\"serial\":3,\"files\":[]}",
			false},
		{"{\"format\":1,\"name\":\"Vendor\",\"version\":\"1\",\"serial\":3,\"files\":[]}",
			false},
		{"{\"format\":1,\"name\":\"vendor\",\"version\":\"\",\"serial\":3,\"files\":[]}",
			false},
		{"{\"format\":1,\"name\":\"vendor\",\"version\":\"1\",\"serial\":0,\"files\":[]}",
			false},
		{"{\"format\":1,\"name\":\"vendor\",\"version\":\"1\",\"serial\":-5,\"files\":[]}",
			false},
		{"[]", false},
		{"", false},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(arena) struct arena a = {0};
		struct feature_manifest m;
		struct err e;
		if ((feature_manifest_read(slice_z(v[i].json), &a, &m, &e) == 0) != v[i].good)
			test_fail(__FILE__, __LINE__, "%s", v[i].json);
	}
}

TEST(programs)
{
	CHECK(feature_program_fits(S(""), S("0.1")));
	CHECK(feature_program_fits(S("0.5"), S("0.5.0")));
	CHECK(feature_program_fits(S("0.5"), S("0.10")));
	CHECK(!feature_program_fits(S("0.10"), S("0.5")));
	CHECK(!feature_program_fits(S("0.5.1"), S("0.5")));
	CHECK(feature_program_fits(S("0.5-rc1"), S("0.5")));
}

/* ---- sets ---- */

TEST(sets)
{
	struct feature_set s = {0};
	AUTO(buf) struct buf text = BUF(4096);
	CHECK(feature_set_put(&s, S("vendor"), 12));
	CHECK(feature_set_put(&s, S("corp"), 13));
	CHECK(feature_set_put(&s, S("vendor"), 14));
	feature_set_print(&s, &text);
	CHECK_STR(buf_slice(&text), S("corp=13 vendor=14"));
	CHECK(feature_set_parse(S("corp=13 vendor=14\n"), &s));
	CHECK_INT(feature_set_get(&s, S("corp")), 13);
	CHECK(feature_set_put(&s, S("corp"), 0));
	CHECK_INT(s.n, 1);
	CHECK(feature_set_put(&s, S("none"), 0));
	CHECK(feature_set_parse(S(""), &s));
	CHECK_INT(s.n, 0);
	CHECK(!feature_set_parse(S("corp=0"), &s));
	CHECK(!feature_set_parse(S("corp"), &s));
	CHECK(!feature_set_parse(S("../x=1"), &s));
	CHECK(!feature_set_parse(S("a=1 a=2"), &s));
	CHECK(!feature_set_put(&s, S("A"), 1));
}

/* ---- on disk ---- */

static void in_dir(void (*fn)(slice data))
{
	char dir[] = "/tmp/feature-test-XXXXXX", command[100];
	CHECK(mkdtemp(dir) != NULL);
	fn(slice_z(dir));
	snprintf(command, sizeof command, "rm -rf %s", dir);
	CHECK_INT(system(command), 0);
}

static void put_and_read(slice data)
{
	struct made m = make(7);
	AUTO(arena) struct arena a = {0};
	struct feature_pack got;
	struct feature_set s = {0};
	struct feature_part *parts;
	uint64_t one, two, three, *v;
	size_t n;
	struct err e;
	AUTO(fd) int lock = -1;
	CHECK_INT(feature_depot_lock(data, &lock, &e), 0);
	CHECK_INT(feature_depot_put(data, &m.p, &one, &e), 0);
	CHECK_INT(feature_depot_put(data, &m.p, &two, &e), 0);
	CHECK_INT(two, one + 1);
	CHECK_INT(feature_depot_list(data, &a, &v, &n, &e), 0);
	CHECK_INT(n, 2);
	CHECK_INT(feature_depot_read(data, two, &a, &got, &e), 0);
	CHECK_STR(got.bytes[0], slice_z(rules_text));
	CHECK_INT(feature_depot_remove(data, two, &e), 0);
	CHECK_INT(feature_depot_put(data, &m.p, &three, &e), 0);
	CHECK_INT(three, two + 1);
	CHECK(feature_depot_read(data, two, &a, &got, &e) < 0);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	CHECK_INT(feature_current_read(data, &s, &e), 0);
	CHECK_INT(s.n, 0);
	CHECK(feature_set_put(&s, S("vendor"), one));
	CHECK_INT(feature_current_write(data, &s, &e), 0);
	CHECK_INT(feature_current_read(data, &s, &e), 0);
	CHECK_INT(feature_set_files(data, &s, FEATURE_RULES, &a, &parts, &n, &e), 0);
	CHECK_INT(n, 1);
	CHECK_STR(parts[0].name, S("a.rules"));
	CHECK_STR(parts[0].bytes, slice_z(rules_text));
	/* A file that was changed is noticed; a link is not followed. */
	char path[200];
	snprintf(path, sizeof path, "%.*s/features/%06d/a.rules", SFMT(data), (int)one);
	FILE *f = fopen(path, "r+");
	CHECK(f != NULL);
	fputc('R', f);
	fclose(f);
	CHECK(feature_set_files(data, &s, FEATURE_RULES, &a, &parts, &n, &e) < 0);
	CHECK(feature_depot_read(data, one, &a, &got, &e) < 0);
	CHECK_INT(unlink(path), 0);
	CHECK_INT(symlink("/etc/passwd", path), 0);
	CHECK(feature_set_files(data, &s, FEATURE_RULES, &a, &parts, &n, &e) < 0);
	done(&m);
}

TEST(depot_puts_and_reads)
{
	in_dir(put_and_read);
}

static void know(slice data)
{
	struct made m = make(7);
	struct feature_known k;
	struct err e;
	CHECK_INT(feature_depot_make(data, &e), 0);
	CHECK_INT(feature_known_read(data, &k, &e), 0);
	CHECK_INT(feature_known_serial(&k, S("vendor")), 0);
	CHECK(feature_known_see(&k, S("vendor"), 9));
	CHECK(feature_known_see(&k, S("vendor"), 5));
	CHECK(feature_known_see(&k, S("corp"), 1));
	CHECK(feature_keys_add(&k.keys, &m.key));
	CHECK_INT(feature_known_write(data, &k, &e), 0);
	CHECK_INT(feature_known_read(data, &k, &e), 0);
	CHECK_INT(feature_known_serial(&k, S("vendor")), 9);
	CHECK_INT(feature_known_serial(&k, S("corp")), 1);
	CHECK(feature_keys_have(&k.keys, &m.key));
	done(&m);
}

TEST(known_is_kept)
{
	in_dir(know);
}

static void remember(slice data)
{
	AUTO(arena) struct arena a = {0};
	struct feature_trial t = {12, 345, S("root")};
	struct err e;
	json_t *list;
	CHECK_INT(feature_history_read(data, 10, &list, &e), 0);
	CHECK_INT(json_array_size(list), 0);
	json_decref(list);
	for (int i = 0; i < 5; i++)
		CHECK_INT(feature_history_add(data, json_pack("{s:i}", "number", i), &e), 0);
	/* A crash has cut the last one. */
	FILE *f = fopen(arena_strz(&a, arena_printf(&a, "%.*s/features/history", SFMT(data))), "a");
	fputs("{\"number\":99", f);
	fclose(f);
	CHECK_INT(feature_history_add(data, json_pack("{s:i}", "number", 5), &e), 0);
	CHECK_INT(feature_history_read(data, 3, &list, &e), 0);
	CHECK_INT(json_array_size(list), 3);
	CHECK_INT(json_integer_value(json_object_get(json_array_get(list, 2), "number")), 5);
	CHECK_INT(json_integer_value(json_object_get(json_array_get(list, 1), "number")), 4);
	json_decref(list);
	CHECK_INT(feature_trial_write(data, &t, &e), 0);
	t = (struct feature_trial){0};
	CHECK_INT(feature_trial_read(data, &a, &t, &e), 0);
	CHECK_INT(t.number, 12);
	CHECK_INT(t.since, 345);
	CHECK_STR(t.by, S("root"));
}

TEST(history_is_kept)
{
	in_dir(remember);
}
