/* `posthouse features keygen | build | sign | index`: for those who make packs. Needs no server. */
#include "bin/cli_features.h"

#include "base/mem.h"
#include "run/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEM_MAX = 4096 };

int cli_features_keygen(struct cli_call *c)
{
	AUTO(buf) struct buf pem = BUF(PEM_MAX);
	struct feature_key key;
	char text[FEATURE_KEY_TEXT];
	struct err e;
	if (feature_key_make(&pem, &key, &e) < 0 ||
		file_put(c->args[0], buf_slice(&pem), O_EXCL, 0600, &e) < 0)
		return out_fail(&e);
	feature_key_print(&key, text);
	puts(text);
	return CLI_OK;
}

/* ---- build ---- */

struct build {
	struct arena mem;
	struct feature_pack p;
	struct buf pem, manifest, signatures, archive;
	uint64_t total;
};

static void build_done(struct build *b)
{
	buf_done(&b->pem);
	buf_done(&b->manifest);
	buf_done(&b->signatures);
	buf_done(&b->archive);
	arena_done(&b->mem);
}

static int is_for_packs(const struct dirent *d)
{
	enum feature_kind kind;
	return d->d_name[0] != '.' && feature_kind_of(slice_z(d->d_name), &kind);
}

static int add_file(struct build *b, const char *dir, const char *name, struct err *e)
{
	AUTO(buf) struct buf bytes = {0};
	struct feature_file *f = &b->p.m.files[b->p.m.nfiles];
	const char *path = arena_strz(&b->mem, arena_printf(&b->mem, "%s/%s", dir, name));
	if (cli_features_load(path, FEATURE_TOTAL_MAX, &bytes, e) < 0)
		return -1;
	b->total += bytes.n;
	if (b->total > FEATURE_TOTAL_MAX)
		return err_set(
			e, ERR_LIMIT, "the files have more than %d bytes", FEATURE_TOTAL_MAX);
	f->name = arena_dup(&b->mem, slice_z(name));
	f->size = bytes.n;
	feature_kind_of(f->name, &f->kind);
	b->p.bytes[b->p.m.nfiles++] = arena_dup(&b->mem, buf_slice(&bytes));
	feature_sha256(buf_slice(&bytes), f->sha256);
	return 0;
}

static int add_files(struct build *b, const char *dir, struct err *e)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, is_for_packs, alphasort), r = 0;
	if (n < 0)
		return err_sys(e, errno, "%s", dir);
	if (n == 0 || n > FEATURE_FILES_MAX)
		r = err_set(e, ERR_LIMIT, "%s: no files for a pack, or more than %d", dir,
			FEATURE_FILES_MAX);
	b->p.m.files = ARENA_ARRAY(&b->mem, struct feature_file, (size_t)n + 1);
	b->p.bytes = ARENA_ARRAY(&b->mem, slice, (size_t)n + 1);
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = add_file(b, dir, names[i]->d_name, e);
		free(names[i]);
	}
	free(names);
	return r;
}

/* What the command line says; the manifest's reader judges it. */
static int head(struct cli_call *c, struct build *b)
{
	struct feature_manifest *m = &b->p.m;
	struct feature_key k;
	int at = 0;
	m->name = cli_option_text(c, "name");
	m->version = cli_option_text(c, "version");
	m->needs = cli_option_text(c, "needs");
	m->notes_en = cli_option_text(c, "notes-en");
	m->notes_zh = cli_option_text(c, "notes-zh");
	m->made_at = wall_now();
	if (!m->name.n || !m->version.n || !cli_option(c, "key") || !cli_option(c, "out"))
		return out_usage("%s", T("--name, --version, --key and --out are needed",
					       "需要 --name、--version、--key 和 --out"));
	if (!cli_option(c, "serial"))
		m->serial = (uint64_t)(wall_now() / SECOND);
	else if (!slice_u64(cli_option_text(c, "serial"), &m->serial) || !m->serial)
		return out_usage(
			"%s", T("--serial is a number from 1 on", "--serial 应为从 1 开始的数"));
	for (const char *word; (word = cli_word(c, "next-key", &at));)
		if (!feature_key_parse(slice_z(word), &k) || !feature_keys_add(&m->next, &k))
			return out_usage(T("not a key: %s", "不是公钥：%s"), word);
	return CLI_OK;
}

static int finish(struct cli_call *c, struct build *b, struct err *e)
{
	struct feature_manifest again;
	b->pem = BUF(PEM_MAX);
	b->manifest = BUF(FEATURE_MANIFEST_MAX);
	b->signatures = BUF(FEATURE_SIGNATURES_MAX);
	b->archive = BUF(FEATURE_PACK_MAX);
	feature_manifest_write(&b->p.m, &b->manifest);
	if (!buf_ok(&b->manifest))
		return err_set(e, ERR_LIMIT, "the manifest is too long");
	if (feature_manifest_read(buf_slice(&b->manifest), &b->mem, &again, e) < 0 ||
		features_check(&b->p, true, e) < 0 ||
		cli_features_load(cli_option(c, "key"), PEM_MAX, &b->pem, e) < 0 ||
		feature_sign(buf_slice(&b->pem), buf_slice(&b->manifest), &b->signatures, e) < 0)
		return -1;
	b->p.manifest = buf_slice(&b->manifest);
	b->p.signatures = buf_slice(&b->signatures);
	if (feature_pack_write(&b->p, &b->archive, e) < 0)
		return -1;
	return file_put(cli_option(c, "out"), buf_slice(&b->archive), O_TRUNC, 0644, e);
}

int cli_features_build(struct cli_call *c)
{
	struct build b = {0};
	struct err e;
	int code = head(c, &b);
	if (code == CLI_OK && (add_files(&b, c->args[0], &e) < 0 || finish(c, &b, &e) < 0))
		code = out_fail(&e);
	if (code == CLI_OK)
		printf(T("%s: %zu files, serial %" PRIu64 "\n",
			       "%s：%zu 个文件，序号 %" PRIu64 "\n"),
			cli_option(c, "out"), b.p.m.nfiles, b.p.m.serial);
	build_done(&b);
	return code;
}

/* ---- sign ---- */

static int load_pack(struct cli_env *env, const char *path, const struct feature_keys *trusted,
	struct feature_pack *ret, uint64_t *ret_size, struct err *e)
{
	AUTO(buf) struct buf archive = {0};
	if (cli_features_load(path, FEATURE_PACK_MAX, &archive, e) < 0)
		return -1;
	*ret_size = archive.n;
	return cli_features_read(&env->config, buf_slice(&archive), trusted, &env->mem, ret, e);
}

static int add_signature(struct cli_call *c, struct build *b, struct err *e)
{
	b->pem = BUF(PEM_MAX);
	b->signatures = BUF(FEATURE_SIGNATURES_MAX);
	b->archive = BUF(FEATURE_PACK_MAX);
	buf_put(&b->signatures, b->p.signatures);
	if (cli_features_load(cli_option(c, "key"), PEM_MAX, &b->pem, e) < 0 ||
		feature_sign(buf_slice(&b->pem), b->p.manifest, &b->signatures, e) < 0)
		return -1;
	b->p.signatures = buf_slice(&b->signatures);
	if (!buf_ok(&b->signatures))
		return err_set(e, ERR_LIMIT, "too many signatures");
	if (feature_pack_write(&b->p, &b->archive, e) < 0)
		return -1;
	return file_put(c->args[0], buf_slice(&b->archive), O_TRUNC, 0644, e);
}

int cli_features_sign(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct build b = {0};
	struct feature_keys trusted;
	struct err e;
	uint64_t size;
	int code;
	if (!cli_option(c, "key"))
		return out_usage("%s", T("--key is needed", "需要 --key"));
	if (cli_env_config(c->cli, &env, &code) < 0 ||
		(code = cli_features_trusted(c, &env.config, &trusted)) != CLI_OK)
		return code;
	if (load_pack(&env, c->args[0], &trusted, &b.p, &size, &e) < 0 ||
		add_signature(c, &b, &e) < 0)
		code = out_fail(&e);
	build_done(&b);
	return code;
}

/* ---- index ---- */

static int is_pack(const struct dirent *d)
{
	return d->d_name[0] != '.' && slice_ends(slice_z(d->d_name), S(".pack"));
}

static int offer(struct cli_env *env, const char *dir, const char *name,
	const struct feature_keys *trusted, struct features_offer *ret, struct err *e)
{
	struct feature_pack p;
	uint64_t size;
	const char *path = arena_strz(&env->mem, arena_printf(&env->mem, "%s/%s", dir, name));
	if (load_pack(env, path, trusted, &p, &size, e) < 0)
		return err_wrap(e, "%s", name);
	*ret = (struct features_offer){
		p.m.name, p.m.version, arena_dup(&env->mem, slice_z(name)), p.m.serial, size};
	return 0;
}

static int make_index(
	struct cli_env *env, const char *dir, const struct feature_keys *trusted, struct err *e)
{
	AUTO(buf) struct buf text = BUF(FEATURES_INDEX_MAX);
	struct dirent **names = NULL;
	int n = scandir(dir, &names, is_pack, alphasort), r = 0;
	if (n < 0)
		return err_sys(e, errno, "%s", dir);
	if (n > FEATURES_OFFERS_MAX)
		r = err_set(e, ERR_LIMIT, "%s: more than %d packs", dir, FEATURES_OFFERS_MAX);
	struct features_offer *v = ARENA_ARRAY(&env->mem, struct features_offer, (size_t)n + 1);
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = offer(env, dir, names[i]->d_name, trusted, &v[i], e);
		free(names[i]);
	}
	free(names);
	if (r < 0)
		return -1;
	features_index_write(v, (size_t)n, &text);
	if (file_replace(slice_z(dir), S("index.json"), buf_slice(&text), e) < 0)
		return -1;
	const char *path = arena_strz(&env->mem, arena_printf(&env->mem, "%s/index.json", dir));
	if (chmod(path, 0644) < 0) /* for who serves it */
		return err_sys(e, errno, "%s", path);
	printf(T("%s: %d packs\n", "%s：%d 个特征包\n"), path, n);
	return 0;
}

int cli_features_index(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct feature_keys trusted;
	struct err e;
	int code;
	if (cli_env_config(c->cli, &env, &code) < 0 ||
		(code = cli_features_trusted(c, &env.config, &trusted)) != CLI_OK)
		return code;
	return make_index(&env, c->args[0], &trusted, &e) < 0 ? out_fail(&e) : CLI_OK;
}
