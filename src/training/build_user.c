/*
 * The layer of one user: his lessons alone, on top of what the shipped model and the site's layer
 * said of them. Small, made anew after each of his lessons (build.h). Called by the learn process.
 */
#include "base/mem.h"
#include "run/file.h"
#include "training/build_impl.h"
#include "training/user.h"
#include <errno.h>

struct learning {
	struct trainer *t;
	bool first;
};

static bool learn(void *arg, const struct journal_lesson *l)
{
	struct learning *w = arg;
	double below = (double)l->in[LEARN_BASE] + l->in[LEARN_SITE];
	trainer_learn(w->t, l->packed, l->spam, 1, below, w->first);
	return true;
}

static int remove_layer(slice dir, slice name, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *path = arena_strz(&a, arena_printf(&a, "%.*s/%.*s", SFMT(dir), SFMT(name)));
	return unlink(path) < 0 && errno != ENOENT ? err_sys(e, errno, "%s", path) : 0;
}

int build_user(slice data, struct sql *db, slice who, struct err *e)
{
	AUTO(trainer) struct trainer t;
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf file = BUF(TRAINING_FILE_MAX);
	AUTO(learn_model) struct learn_model model = {.fuse = learn_fuse_default};
	struct learning w = {&t, true};
	char name[TRAINING_USER_NAME];
	trainer_init(&t, TRAINING_USER_BITS, TRAINING_USER_BUCKET_BITS);
	training_user_name(who, name);
	slice dir = arena_printf(&a, "%.*s/learn/users", SFMT(data));
	slice full = arena_printf(&a, "%s.site", name);
	for (unsigned i = 0, rounds = 1; i < rounds; i++) {
		if (journal_each_user(db, who, learn, &w, e) < 0)
			return -1;
		rounds = trainer_rounds(t.lessons[0] + t.lessons[1]);
		w.first = false;
	}
	if (t.lessons[0] + t.lessons[1] == 0)
		return remove_layer(dir, full, e);
	learn_linear_weights(&t.linear, 0, &model.weights);
	training_published_write(1, t.lessons, 0, &model, &t.counts, &file);
	return file_replace(dir, full, buf_slice(&file), e);
}
