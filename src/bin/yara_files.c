/* Reading sources of YARA rules (yara_files.h): in the master, in scan processes, for the command line. */
#include "bin/yara_files.h"

#include "base/buf.h"
#include "base/cur.h"
#include "base/mem.h"
#include "feature/feature.h"
#include "run/log.h"
#include "run/memfile.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define T struct yara_conf
static const struct conf_key yara_keys[] = {
	CONF_KEY_PATH(T, rules, "/etc/posthouse/yara.d",
		"Directory of YARA rules, files *.yar and *.yara in the order of their names. "
		"Empty: none.",
		"YARA 规则所在目录，按文件名顺序读取其中的 *.yar 和 *.yara 文件。空：没有。"),
	CONF_KEY_DURATION(T, time, "3s", 100 * MSEC, MINUTE,
		"Time for one letter with all its files.", "检查一封邮件及其所有文件的时限。"),
	CONF_END};
#undef T
const struct conf_section yara_section = {.name = "yara",
	.keys = yara_keys,
	.size = sizeof(struct yara_conf),
	.doc_en = "YARA rules for mail, its attachments and the files inside them.",
	.doc_zh = "用于邮件、附件及其内部文件的 YARA 规则。"};

/* ---- the directory ---- */

static int is_yara(const struct dirent *d)
{
	slice name = slice_z(d->d_name);
	return d->d_name[0] != '.' && (slice_ends(name, S(".yar")) || slice_ends(name, S(".yara")));
}

static int read_file(const char *path, struct arena *a, struct yara_source *ret, struct err *e)
{
	struct stat st;
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_size > YARA_TEXT_MAX)
		return err_set(e, ERR_LIMIT, "%s: no file of rules, or too large", path);
	char *text = arena_alloc(a, (size_t)st.st_size + 1);
	ssize_t n = read(fd, text, (size_t)st.st_size);
	if (n < 0)
		return err_sys(e, errno, "%s", path);
	*ret = (struct yara_source){arena_dup(a, slice_z(path)), slice_of(text, (size_t)n)};
	return 0;
}

/* One that cannot be read is told and left out, like one that is wrong. */
static size_t read_names(
	const char *dir, struct dirent **names, int n, struct arena *a, struct yara_source *v)
{
	size_t got = 0;
	for (int i = 0; i < n; i++) {
		const char *path = arena_strz(a, arena_printf(a, "%s/%s", dir, names[i]->d_name));
		struct err e;
		if (got == YARA_FILES_MAX || read_file(path, a, &v[got], &e) < 0)
			log_error(NULL, "yara.unreadable", F("file", path));
		else
			got++;
	}
	return got;
}

static int read_own(slice dir, size_t before, struct arena *a, struct yara_source **ret,
	size_t *ret_n, struct err *e)
{
	const char *path = arena_strz(a, dir);
	struct dirent **names = NULL;
	int n = dir.n ? scandir(path, &names, is_yara, alphasort) : 0;
	if (n < 0 && errno != ENOENT)
		return err_sys(e, errno, "%s", path);
	int count = n > 0 ? n : 0;
	*ret = ARENA_ARRAY(a, struct yara_source, before + (size_t)count + 1);
	*ret_n = before + read_names(path, names, count, a, *ret + before);
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
	return 0;
}

int yara_files_read(slice dir, slice data, const struct feature_set *set, struct arena *a,
	struct yara_source **ret, size_t *ret_n, struct err *e)
{
	struct feature_part *parts = NULL;
	struct feature_set current = {0};
	size_t n = 0;
	if (data.n && !set && feature_current_read(data, &current, e) < 0 &&
		e->kind != ERR_DENIED) /* a user who may not look there, and only asks */
		return -1;
	if (data.n &&
		feature_set_files(data, set ? set : &current, FEATURE_YARA, a, &parts, &n, e) < 0)
		return -1;
	if (read_own(dir, n, a, ret, ret_n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		(*ret)[i] = (struct yara_source){arena_printf(a, "features:%.*s/%.*s",
							 SFMT(parts[i].pack), SFMT(parts[i].name)),
			parts[i].bytes};
	return 0;
}

/* ---- as a memory file ---- */

enum { PACK_MAX = YARA_TEXT_MAX + YARA_FILES_MAX * 4200 };

int yara_files_pack(
	slice dir, slice data, const struct feature_set *set, int *ret_fd, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(PACK_MAX);
	struct yara_source *v;
	size_t n;
	if (yara_files_read(dir, data, set, &a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		buf_str(&text, v[i].name);
		buf_str(&text, v[i].text);
	}
	if (!buf_ok(&text))
		return err_set(e, ERR_LIMIT, "more than %d bytes of YARA rules", YARA_TEXT_MAX);
	int fd = n ? memfile_of("yara", buf_slice(&text), e) : -1;
	if (n && fd < 0)
		return -1;
	*ret_fd = fd;
	return 0;
}

int yara_files_unpack(
	int fd, struct arena *a, struct yara_source **ret, size_t *ret_n, struct err *e)
{
	struct stat st = {0};
	if (fd >= 0 && fstat(fd, &st) < 0)
		return err_sys(e, errno, "YARA rules");
	char *p = arena_alloc(a, (size_t)st.st_size + 1);
	ssize_t got = fd >= 0 ? pread(fd, p, (size_t)st.st_size, 0) : 0;
	if (got < 0)
		return err_sys(e, errno, "YARA rules");
	struct yara_source *v = ARENA_ARRAY(a, struct yara_source, YARA_FILES_MAX + 1);
	size_t n = 0;
	for (struct cur c = cur_of(slice_of(p, (size_t)got));
		cur_ok(&c) && !cur_at_end(&c) && n < YARA_FILES_MAX;) {
		v[n].name = cur_str(&c);
		v[n].text = cur_str(&c);
		n += cur_ok(&c);
	}
	*ret = v;
	*ret_n = n;
	return 0;
}
