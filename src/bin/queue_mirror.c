/*
 * Mirrors of DNS lists are kept by the queue process (defence/mirror_keep.c), which may connect
 * anyway: one coroutine that runs with one configuration, and begins anew with the next. Run by
 * queue.c.
 */
#include "bin/queue.h"

#include "defence/mirror.h"

static void keep(void *arg)
{
	struct queue_settings *s = arg;
	mirror_keep(s->config.conf, s->config.server->data);
	queue_settings_unref(s);
}

void queue_mirror_run(void *arg)
{
	struct queue *q = arg;
	const struct queue_settings *now = NULL;
	struct group g;
	struct err e;
	group_init(&g);
	do {
		if (now == q->settings)
			continue;
		now = q->settings;
		group_cancel(&g);
		group_join(&g);
		if (!mirror_wanted(now->config.conf))
			continue;
		q->settings->refs++;
		group_go(&g, "queue.mirror", keep, q->settings);
	} while (co_sleep(instant_in(SECOND), &e) == 0);
	group_cancel(&g);
	group_join(&g);
}
