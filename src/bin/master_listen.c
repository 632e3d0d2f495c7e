/*
 * The listening sockets. Only the master binds; a socket lives as long as any generation of the
 * configuration wants its address, so that no connection is lost by a reload.
 */
#include "bin/master.h"

#include "bin/access.h"
#include "bin/web.h"
#include "run/log.h"
#include "run/net.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

static bool same(const struct net_addr *a, const struct net_addr *b)
{
	return a->len == b->len && memcmp(&a->ss, &b->ss, a->len) == 0;
}

static const struct master_socket *find(const struct master *m, const struct net_addr *a)
{
	for (size_t i = 0; i < m->nsockets; i++)
		if (same(&m->sockets[i].addr, a))
			return &m->sockets[i];
	return NULL;
}

static int add(struct master *m, const struct net_addr *a, struct err *e)
{
	char text[NET_TEXT_MAX];
	net_print(a, text);
	if (m->nsockets == MASTER_SOCKETS_MAX)
		return err_set(
			e, ERR_LIMIT, "more than %d listening addresses", MASTER_SOCKETS_MAX);
	int fd;
	if (net_listen(a, BACKLOG, &fd, e) < 0) {
		if (e->sys == EACCES && net_port(a) < 1024)
			return err_set(e, ERR_DENIED,
				"listening on %s: ports below 1024 need root or "
				"CAP_NET_BIND_SERVICE",
				text);
		return err_wrap(e, "listening on %s", text);
	}
	m->sockets[m->nsockets++] = (struct master_socket){*a, fd};
	return 0;
}

static void undo(struct master *m, size_t n)
{
	while (m->nsockets > n)
		close(m->sockets[--m->nsockets].fd);
}

static const struct conf_addrs *web_addresses(const struct config *c)
{
	const struct web_conf *w = conf_get(c->conf, &web_section);
	return &w->listen;
}

/* What is listened on, one part after another; NULL: no more. */
static const struct conf_addrs *addresses(const struct config *c, size_t i)
{
	if (i < c->nlisteners)
		return &c->listeners[i].conf->listen;
	if (i == c->nlisteners)
		return web_addresses(c);
	i -= c->nlisteners + 1;
	return i < access_listeners(c) ? &access_listener(c, i).conf->listen : NULL;
}

int listen_add(struct master *m, const struct config *c, struct err *e)
{
	size_t before = m->nsockets;
	const struct conf_addrs *v;
	for (size_t i = 0; (v = addresses(c, i)) != NULL; i++)
		for (size_t j = 0; j < v->n; j++)
			if (!find(m, &v->v[j]) && add(m, &v->v[j], e) < 0) {
				undo(m, before);
				return -1;
			}
	return 0;
}

void listen_close_all(struct master *m)
{
	undo(m, 0);
}

static bool wanted(const struct config *c, const struct net_addr *a)
{
	const struct conf_addrs *v;
	for (size_t i = 0; (v = addresses(c, i)) != NULL; i++)
		for (size_t j = 0; j < v->n; j++)
			if (same(&v->v[j], a))
				return true;
	return false;
}

void listen_drop_others(struct master *m, const struct config *c)
{
	size_t kept = 0;
	for (size_t i = 0; i < m->nsockets; i++) {
		if (wanted(c, &m->sockets[i].addr))
			m->sockets[kept++] = m->sockets[i];
		else
			close(m->sockets[i].fd);
	}
	m->nsockets = kept;
}

size_t listen_fds(const struct master *m, const struct config *c, struct proc_fd *fds, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < c->nlisteners; i++)
		for (size_t j = 0; j < c->listeners[i].conf->listen.n && n < max; j++) {
			const struct master_socket *s = find(m, &c->listeners[i].conf->listen.v[j]);
			if (!s)
				continue;
			snprintf(fds[n].name, sizeof fds[n].name, "listen.%zu.%zu", i, j);
			fds[n++].fd = s->fd;
		}
	return n;
}

size_t listen_access_fds(
	const struct master *m, const struct config *c, struct proc_fd *fds, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < access_listeners(c); i++) {
		const struct conf_addrs *v = &access_listener(c, i).conf->listen;
		for (size_t j = 0; j < v->n && n < max; j++) {
			const struct master_socket *s = find(m, &v->v[j]);
			if (!s)
				continue;
			snprintf(fds[n].name, sizeof fds[n].name, "access.%zu.%zu", i, j);
			fds[n++].fd = s->fd;
		}
	}
	return n;
}

size_t listen_web_fds(
	const struct master *m, const struct config *c, struct proc_fd *fds, size_t max)
{
	const struct conf_addrs *web = web_addresses(c);
	size_t n = 0;
	for (size_t j = 0; j < web->n && n < max; j++) {
		const struct master_socket *s = find(m, &web->v[j]);
		if (!s)
			continue;
		snprintf(fds[n].name, sizeof fds[n].name, "web.%zu", j);
		fds[n++].fd = s->fd;
	}
	return n;
}
