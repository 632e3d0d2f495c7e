/* A backup as configured (backup.h). */
#include "bin/backup.h"
#include "bin/server_tls.h"

#include "base/buf.h"
#include "base/mem.h"
#include "run/log.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum {
	EXTRA_MAX = 4 << 20,
	EXTRAS = 4, /* beside further certificates */
	NICE = 10,
	IO_LOWEST = 2 << 13 | 7, /* ioprio_set(2): best effort, the last of eight */
};

const struct backup_conf *backup_conf_of(const struct config *c)
{
	return conf_get(c->conf, &backup_section);
}

struct backup_keep backup_keep_of(const struct backup_conf *c)
{
	return (struct backup_keep){c->keep_last, c->keep_daily, c->keep_weekly, c->keep_monthly};
}

void backup_be_modest(void)
{
	if (setpriority(PRIO_PROCESS, 0, NICE) < 0 || syscall(SYS_ioprio_set, 1, 0, IO_LOWEST) < 0)
		log_warn(NULL, "backup.priority");
}

/* ---- the configuration ---- */

static void add(struct backup_extras *x, const char *path, slice bytes)
{
	if (bytes.n && x->n < x->room)
		x->v[x->n++] = (struct backup_extra){slice_z(path), arena_dup(&x->mem, bytes)};
}

static void add_file(struct backup_extras *x, const char *path, slice file)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf bytes = BUF(EXTRA_MAX);
	AUTO(fd) int fd = open(arena_strz(&a, file), O_RDONLY | O_CLOEXEC);
	while (fd >= 0) {
		char *room = buf_room(&bytes, 65536);
		ssize_t n = room ? read(fd, room, 65536) : -1;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		if (n == 0)
			break;
		buf_commit(&bytes, (size_t)n);
	}
	add(x, path, buf_slice(&bytes));
	if (bytes.p)
		OPENSSL_cleanse(bytes.p, bytes.n);
}

/* By number: the names of sections may be anything. effective.conf has them in this order. */
static void add_certificate(const struct config *c, size_t i, struct backup_extras *x)
{
	slice name;
	const struct tls_cert_conf *v = conf_nth(c->conf, &tls_cert_section, i, &name);
	add_file(x, arena_strz(&x->mem, arena_printf(&x->mem, "config/tls-%zu-certificate.pem", i + 1)),
		v->certificate);
	add_file(x, arena_strz(&x->mem, arena_printf(&x->mem, "config/tls-%zu-key.pem", i + 1)), v->key);
}

void backup_extras_read(const struct config *c, slice path, struct backup_extras *ret)
{
	AUTO(buf) struct buf text = BUF(EXTRA_MAX);
	size_t certs = conf_count(c->conf, &tls_cert_section);
	*ret = (struct backup_extras){.room = EXTRAS + 2 * certs};
	ret->v = ARENA_ARRAY(&ret->mem, struct backup_extra, ret->room);
	config_text(c, &text);
	add_file(ret, "config/posthouse.conf", path.n ? path : S(CONFIG_PATH));
	add(ret, "config/effective.conf", buf_slice(&text));
	if (c->certificate.n)
		add_file(ret, "config/certificate.pem", c->certificate);
	if (c->key.n)
		add_file(ret, "config/key.pem", c->key);
	for (size_t i = 0; i < certs; i++)
		add_certificate(c, i, ret);
}

void backup_extras_done(struct backup_extras *x)
{
	for (size_t i = 0; i < x->n; i++)
		OPENSSL_cleanse((void *)(uintptr_t)x->v[i].bytes.p, x->v[i].bytes.n);
	arena_done(&x->mem);
	x->n = 0;
}

/* ---- a run ---- */

int backup_job_run(const struct backup_job *j, struct backup_result *ret,
	struct backup_pruned *ret_pruned, struct err *e)
{
	const struct backup_conf *conf = backup_conf_of(j->config);
	const struct backup_where where = {conf, j->addresses};
	const struct backup_keep keep = backup_keep_of(conf);
	struct backup_target *t;
	if (backup_target_open(&where, &t, e) < 0)
		return -1;
	const struct backup_run r = {.data = j->config->server->data,
		.target = t,
		.host = j->config->hostname,
		.why = j->why,
		.extra = j->extras->v,
		.nextra = j->extras->n,
		.max_rate = conf->max_rate,
		.go_on = j->go_on,
		.arg = j->arg};
	int result = backup_run(&r, ret, e);
	*ret_pruned = (struct backup_pruned){0};
	if (result == 0 && backup_prune(r.data, t, &keep, false, ret_pruned, e) < 0)
		result = 1;
	backup_target_close(t);
	return result;
}
