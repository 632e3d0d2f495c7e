/* Tables of accounts: what they mean, what is wrong with them, what comes out again. */
#include "base/buf.h"
#include "store/credential.h"
#include "store/directory_import.h"
#include "store/password.h"
#include "store/password_rule.h"
#include "store/store_testing.h"

struct site {
	struct testdir dir;
	struct sql *db;
	struct arena a;
	struct buf told; /* "3:text;" each mistake */
	struct buf made; /* "address;" each password that was made */
	slice last; /* of them */
};

static struct site *site(void)
{
	struct err e;
	struct site *s = NEW(struct site);
	s->dir = testdir_make();
	s->told = BUF(1 << 20);
	s->made = BUF(1 << 20);
	OK(sql_open(testdir_slice(&s->dir), "directory", &s->db, &e));
	OK(sql_migrate(s->db, directory_migrations, directory_migrations_n, &e));
	OK(directory_domain_add(
		s->db, &(struct domain){.name = S("one.test"), .kind = DOMAIN_LOCAL}, &e));
	OK(directory_domain_add(
		s->db, &(struct domain){.name = S("two.test"), .kind = DOMAIN_LOCAL}, &e));
	return s;
}

static void leave(struct site *s)
{
	sql_close(s->db);
	auto_testdir(&s->dir);
	arena_done(&s->a);
	buf_done(&s->told);
	buf_done(&s->made);
	free(s);
}

static void on_mistake(void *arg, unsigned line, const struct err *e)
{
	struct site *s = arg;
	buf_printf(&s->told, "%u:%s;", line, e->text);
}

static int on_made(void *arg, slice address, slice name, slice password)
{
	struct site *s = arg;
	(void)name;
	buf_printf(&s->made, "%.*s;", SFMT(address));
	s->last = arena_dup(&s->a, password);
	return 0;
}

/* The mistakes, or "added/changed/departments". */
static slice import(struct site *s, const char *table, struct import_options o)
{
	struct err e;
	struct import *x;
	struct import_result r;
	o.threads = 2;
	o.mistake = on_mistake;
	o.made = on_made;
	o.arg = s;
	buf_reset(&s->told);
	buf_reset(&s->made);
	if (directory_import_read(s->db, slice_z(table), &o, &x, &r, &e) < 0) {
		CHECK(e.kind == ERR_PROTO && r.mistakes > 0);
		return arena_dup(&s->a, buf_slice(&s->told));
	}
	CHECK_INT(r.mistakes, 0);
	OK(directory_import_run(x, &r, &e));
	directory_import_free(x);
	return arena_printf(&s->a, "%zu/%zu/%zu", r.added, r.changed, r.departments);
}

static const struct password_rule rule = {.minimum = 8, .own_name = true, .common = true};
static const struct import_options plain = {.rule = &rule, .no_passwords = true};

TEST(import_mistakes_are_told_by_line)
{
	struct site *s = site();
	static const struct {
		const char *table, *want;
	} cases[] = {
		{"name\nx\n", "1:there is no column address;"},
		{"address,colour,address\nx@one.test\n",
			"1:there is no column colour;1:column address is there twice;"},
		{"address\nx@one.test,y\n", "2:there are more cells than columns;"},
		{"address,name\n,Ann\n", "2:there is no address;"},
		{"address,name\n\"x@one.test,Ann\n", "2:a quote is never closed;"},
		{"address\nnowhere@far.test\n", "2:no such domain: far.test;"},
		{"address\na@one.test\nA@ONE.test\n", "3:a@one.test is in the table twice;"},
		{"address,aliases\na@one.test,b@two.test\nb@two.test,\n",
			"3:b@two.test is in the table twice;"},
		{"address,quota,messages,kind,services,disabled\na@one.test,x,-1,cat,ftp,maybe\n",
			"2:quota cannot be x;2:messages cannot be -1;2:kind cannot be cat;"
			"2:services cannot be ftp;2:disabled cannot be maybe;"},
		{"address,class,department,language\na@one.test,gold,A//B,en_US\n",
			"2:no such class: gold;2:not a department: A//B;2:not a language: en_US;"},
		{"address,password,hash\na@one.test,1234567,\nb@one.test,long "
		 "enough,$argon2id$v=19$x\n"
		 "c@one.test,,abc\n",
			"2:password is shorter than 8 characters;3:there is both a password and a "
			"hash;4:the hash is none of argon2id;"},
		{"address,kind,password\ndesk@one.test,共享,long enough\n",
			"2:nobody logs in as this kind of mailbox;"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		CHECK_STR(import(s, cases[i].table, plain), slice_z(cases[i].want));
	CHECK_STR(import(s, "address\na@one.test\n", (struct import_options){0}),
		S("2:a@one.test has no password;"));
	leave(s);
}

TEST(import_makes_and_changes)
{
	struct err e;
	struct site *s = site();
	struct account v;
	slice field[FIELD_COUNT], *own;
	size_t n;
	CHECK_STR(import(s,
			  "\xef\xbb\xbf地址;姓名;部门;容量;职务;别名;服务;停用\r\n"
			  "Ann@one.test;\"安;妮\";销售/华东;2g;经理;a@two.test, "
			  "b@two.test;imap;是\r\n"
			  "bob@one.test;;销售;none;;;;\r\n",
			  plain),
		S("2/0/2"));
	OK(directory_account(s->db, S("ann@one.test"), &s->a, &v, &e));
	CHECK_STR(v.name, S("安;妮"));
	CHECK(v.disabled && v.own_quota == (int64_t)2 << 30 && v.department_id);
	CHECK_INT(v.services_off, SERVICE_ALL & ~SERVICE_IMAP);
	OK(directory_own(s->db, v.id, &s->a, &own, &n, &e));
	CHECK_INT(n, 2);
	CHECK_STR(import(s, "address\nann@one.test\n", plain),
		S("2:account ann@one.test exists already;"));
	struct import_options update = plain;
	update.update = true;
	CHECK_STR(import(s, "address,name,title,aliases\nann@one.test,,,a@two.test c@two.test\n",
			  update),
		S("0/1/0"));
	OK(directory_account_fields(s->db, v.id, &s->a, field, &e));
	CHECK_STR(field[FIELD_TITLE], S("经理")); /* an empty cell leaves it */
	OK(directory_own(s->db, v.id, &s->a, &own, &n, &e));
	CHECK_INT(n, 3);
	CHECK_STR(import(s, "address,aliases\nbob@one.test,a@two.test\n", update),
		S("2:a@two.test is an alias already;"));
	CHECK_STR(import(s, "address,kind\nbob@one.test,room\n", update),
		S("2:the kind of an account stays;"));
	leave(s);
}

static struct credential verifier(struct site *s, slice address)
{
	struct err e;
	struct account v;
	struct sql *db;
	struct credential c;
	OK(directory_account(s->db, address, &s->a, &v, &e));
	OK(credential_open(testdir_slice(&s->dir), &db, &e));
	OK(credential_get(db, v.id, &s->a, &c, &e));
	sql_close(db);
	return c;
}

TEST(import_passwords)
{
	struct site *s = site();
	AUTO(arena) struct arena a = {0};
	struct password p;
	struct err e;
	OK(password_make(S("from elsewhere"), &a, &p, &e));
	const char *table = arena_strz(
		&a, arena_printf(&a,
			    "address,password,hash\na@one.test, given one,\nb@one.test,,\"%.*s\"\n"
			    "c@one.test,,\n",
			    SFMT(p.argon2)));
	CHECK_STR(import(s, table, (struct import_options){.make_passwords = true}), S("3/0/0"));
	CHECK_STR(buf_slice(&s->made), S("c@one.test;"));
	CHECK_INT(s->last.n, IMPORT_PASSWORD);
	CHECK(password_verify(verifier(s, S("a@one.test")).argon2, S(" given one")));
	CHECK(verifier(s, S("a@one.test")).scram.n > 0);
	CHECK(password_verify(verifier(s, S("b@one.test")).argon2, S("from elsewhere")));
	CHECK(password_verify(verifier(s, S("c@one.test")).argon2, s->last));
	leave(s);
}

static slice exported(struct site *s)
{
	struct err e;
	struct account *v;
	size_t n;
	AUTO(buf) struct buf out = BUF(1 << 20);
	directory_export_head(&out, true);
	OK(directory_accounts_page(s->db, &(struct account_query){0}, &s->a, &v, &n, &e));
	OK(directory_export_rows(s->db, v, n, &out, &e));
	return arena_dup(&s->a, buf_slice(&out));
}

TEST(import_reads_what_export_writes)
{
	struct site *s = site(), *other = site();
	CHECK_STR(
		import(s,
			"address,name,department,quota,messages,services,language,aliases,disabled,"
			"kind,phone,note\n"
			"a@one.test,\"Ann \"\"A\"\", "
			"B\",X/Y,1g,none,\"imap,smtp\",zh-CN,x@two.test,"
			"yes,,+86 1,\"a,b\"\n"
			"room@one.test,会议室,,,,,,,,room,,\n",
			plain),
		S("2/0/2"));
	slice table = exported(s);
	CHECK_STR(import(other, arena_strz(&s->a, table), plain), S("2/0/2"));
	CHECK_STR(exported(other), table);
	leave(s);
	leave(other);
}

/* More than one transaction. */
TEST(import_in_batches)
{
	struct err e;
	struct site *s = site();
	AUTO(buf) struct buf table = BUF(1 << 20);
	struct org o;
	buf_put(&table, S("address,department\n"));
	for (int i = 0; i < IMPORT_BATCH + 500; i++)
		buf_printf(&table, "u%d@one.test,D%d\n", i, i % 7);
	buf_byte(&table, 0);
	CHECK_STR(import(s, table.p, plain), S("2500/0/7"));
	OK(directory_org(s->db, S("default"), &s->a, &o, &e));
	CHECK_INT(o.accounts, IMPORT_BATCH + 500);
	leave(s);
}

TEST(import_orphans_of_passwords_are_swept)
{
	struct err e;
	struct site *s = site();
	struct account v;
	struct sql *credentials;
	CHECK_STR(import(s,
			  "address,password\na@one.test,long enough\nb@one.test,long enough\n"
			  "c@one.test,long enough\n",
			  (struct import_options){0}),
		S("3/0/0"));
	OK(directory_account(s->db, S("b@one.test"), &s->a, &v, &e));
	OK(directory_account_delete(s->db, S("b@one.test"), &e));
	OK(directory_account_purge(s->db, v.id, false, &e));
	OK(credential_open(testdir_slice(&s->dir), &credentials, &e));
	CHECK_INT(credential_sweep(s->db, credentials, &e), 1);
	CHECK_INT(credential_sweep(s->db, credentials, &e), 0);
	struct credential c;
	OK(credential_get(credentials, v.id, &s->a, &c, &e));
	CHECK(c.argon2.n == 0);
	sql_close(credentials);
	CHECK(password_verify(verifier(s, S("c@one.test")).argon2, S("long enough")));
	leave(s);
}
