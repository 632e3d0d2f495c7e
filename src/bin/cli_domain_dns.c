/*
 * `posthouse domain dns`: every record to publish, as a zone file with the reasons as comments, or
 * JSON. What is worked out is in dns_plan.c.
 */
#include "bin/cli_domain_dns.h"

#include "base/mem.h"
#include "codec/address.h"
#include "store/directory.h"

#include <stdio.h>

static int read_keys(
	slice data, slice domain, struct arena *a, struct plan_input *in, struct err *e)
{
	struct keyring_key *v = NULL;
	struct sql *db;
	if (keyring_open(data, &db, e) < 0)
		return -1;
	int r = keyring_list(db, domain, a, &v, &in->nkeys, e);
	in->keys = v;
	sql_close(db);
	return r;
}

int domain_plan(
	struct cli_call *c, struct cli_env *env, slice domain, struct plan *ret, struct err *e)
{
	struct domain d;
	struct plan_input in = {.config = &env->config,
		.addresses = cli_option_text(c, "address"),
		.next_key = cli_option_text(c, "next-key"),
		.enforce = cli_flag(c, "enforce")};
	struct sql *directory = cli_env_db(env, DB_DIRECTORY, e);
	if (!directory || directory_domain(directory, domain, &env->mem, &d, e) < 0 ||
		read_keys(env->config.server->data, d.name, &env->mem, &in, e) < 0)
		return -1;
	in.domain = d.name;
	cli_env_as_caller(env); /* certificate and key may be for root's eyes */
	int r = plan_make(&in, &env->mem, ret, e);
	cli_env_as_server(env);
	return r;
}

/* ---- text ---- */

static void print_comment(const char *text)
{
	printf("; %s\n", text);
}

static void print_record(const struct plan_record *r)
{
	AUTO(buf) struct buf out = BUF(16 * 1024);
	if (strcmp(r->type, "TXT") == 0)
		zone_txt(&out, r->name, r->value);
	else
		buf_printf(&out, "%.*s. IN %s %.*s\n", SFMT(r->name), r->type, SFMT(r->value));
	fwrite(out.p, 1, out.n, stdout);
}

/* The policy, each line as a comment. */
static void print_policy(const struct plan *p)
{
	slice rest = p->sts_policy, line;
	printf(T("\n; The MTA-STS policy: https://mta-sts.%.*s/.well-known/mta-sts.txt\n"
		 "; on a web server that mta-sts.%.*s leads to. When all is well: --enforce\n",
		       "\n; MTA-STS 策略文件：https://mta-sts.%.*s/.well-known/mta-sts.txt\n"
		       "; 放在 mta-sts.%.*s 所指的网站上。一切正常后使用 --enforce\n"),
		SFMT(p->domain), SFMT(p->domain));
	while (slice_cut(&rest, '\n', &line))
		if (line.n)
			printf(";   %.*s\n", SFMT(slice_trim(line)));
}

static void print_plan(const struct plan *p, struct arena *a)
{
	const char *last = NULL;
	printf(T("; Records for %.*s. Those marked (optional) make mail safer; the others are "
		 "needed.\n",
		       "; %.*s 应发布的记录。标有（可选）的使邮件更安全，其余为必需。\n"),
		SFMT(domain_to_utf8(p->domain, a)));
	if (p->nown == 0) {
		printf(T("\n; The public addresses of %.*s are not known (give --address): A, AAAA "
			 "and PTR are left out.\n",
			       "\n; 不知道 %.*s 的公网地址（请用 --address 给出）：以下没有 "
			       "A、AAAA 和 PTR。\n"),
			SFMT(p->hostname));
	}
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_record *r = &p->v[i];
		if (r->why != last) {
			putchar('\n');
			if (r->optional)
				fputs(T("; (optional)\n", "; （可选）\n"), stdout);
			print_comment(r->why);
		}
		last = r->why;
		print_record(r);
	}
	print_policy(p);
}

/* ---- JSON ---- */

static void print_json(const struct plan *p)
{
	struct json j = {0};
	char text[NET_TEXT_MAX];
	json_begin(&j);
	json_text(&j, "domain", p->domain);
	json_text(&j, "hostname", p->hostname);
	json_open_array(&j, "addresses");
	for (size_t i = 0; i < p->nown; i++) {
		net_print_ip(&p->own[i], text);
		json_text(&j, NULL, slice_z(text));
	}
	json_close(&j, ']');
	json_open_array(&j, "records");
	for (size_t i = 0; i < p->n; i++) {
		json_open_object(&j, NULL);
		json_text(&j, "name", p->v[i].name);
		json_text(&j, "type", slice_z(p->v[i].type));
		json_text(&j, "value", p->v[i].value);
		json_bool(&j, "optional", p->v[i].optional);
		json_text(&j, "why", slice_z(p->v[i].why));
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_text(&j, "mta_sts_policy", p->sts_policy);
	json_end(&j);
}

int domain_dns(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct plan *p = ARENA_NEW(&env.mem, struct plan);
	if (domain_plan(c, &env, cli_arg(c, 0), p, &e) < 0)
		return out_fail(&e);
	if (c->cli->json)
		print_json(p);
	else
		print_plan(p, &env.mem);
	return CLI_OK;
}
