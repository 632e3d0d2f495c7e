/*
 * Asking a scan process (scan.h): the message goes into a memory file, the answer comes back in it.
 * When the process dies meanwhile its successor gets the message once more: it may have died over
 * another one.
 */
#include "bin/scan.h"

#include "base/mem.h"
#include "bin/scan_wire.h"
#include "mail/letter.h"
#include "run/link.h"
#include "run/memfile.h"
#include "run/pool.h"
#include <inttypes.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 2 };

#define T struct scan_conf
static const struct conf_key scan_keys[] = {
	CONF_KEY_INT(T, processes, "0", 0, SCAN_PROCESSES_MAX,
		"Processes that take messages apart. 0: as many as SMTP server processes, at least "
		"two.",
		"解析邮件的进程数。0：与 SMTP 服务进程数相同，至少两个。"),
	CONF_KEY_SIZE(T, memory, "1g", 64 << 20, 1LL << 40, "Memory that each of them may have.",
		"每个解析进程最多占用的内存。"),
	CONF_KEY_DURATION(T, time, "30s", SECOND, 10 * MINUTE,
		"Time for one message; a process that takes longer is replaced.",
		"解析一封邮件的时间上限，超时的进程会被替换。"),
	CONF_KEY_SIZE(T, max_size, "100m", 1 << 20, 1 << 30,
		"Of larger messages only the beginning is examined; larger reports are not read.",
		"更大的邮件只检查开头部分；更大的报告不读取。"),
	CONF_END};
#undef T
const struct conf_section scan_section = {.name = "scan",
	.keys = scan_keys,
	.size = sizeof(struct scan_conf),
	.doc_en = "The processes in which messages are taken apart.",
	.doc_zh = "解析邮件内容的进程。"};

static json_t *read_answer(int fd, struct err *e)
{
	struct stat st;
	json_error_t bad;
	if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > SCAN_ANSWER_MAX) {
		err_set(e, ERR_PERM, "scan: no answer");
		return NULL;
	}
	AUTO(free) char *text = mem_alloc((size_t)st.st_size);
	ssize_t n = pread(fd, text, (size_t)st.st_size, 0);
	json_t *answer = n > 0 ? json_loadb(text, (size_t)n, 0, &bad) : NULL;
	if (!answer)
		err_set(e, ERR_PERM, "scan: a damaged answer");
	return answer;
}

/* What is large is copied and parsed in the pool: the loop has other mail to serve. */
struct exchange {
	slice message;
	int fd;
	json_t *answer;
	struct err e;
};

static void write_in_pool(void *arg)
{
	struct exchange *x = arg;
	x->fd = memfile_of("message", x->message, &x->e);
}

static void read_in_pool(void *arg)
{
	struct exchange *x = arg;
	x->answer = read_answer(x->fd, &x->e);
}

/* One try. ERR_TEMP: the process went away meanwhile, or there was none. */
static int try_once(struct link *scan, enum scan_job job, instant deadline, slice message,
	json_t **ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct exchange x = {.message = message};
	const char what = (char)job;
	slice reply;
	pool_call(write_in_pool, &x);
	AUTO(fd) int fd = x.fd;
	if (fd < 0) {
		*e = x.e;
		return -1;
	}
	if (link_call_file(scan, slice_of(&what, 1), fd, deadline, &a, &reply, e) < 0)
		return -1;
	pool_call(read_in_pool, &x);
	if (!x.answer) {
		*e = x.e;
		return -1;
	}
	*ret = x.answer;
	return 0;
}

int scan_ask(struct link *scan, enum scan_job job, const struct scan_conf *c, struct blobs *blobs,
	const struct queue_msg *m, json_t **ret, struct err *e)
{
	AUTO(buf) struct buf message = BUF((size_t)c->max_size);
	if (m->size + m->prefix.n > (uint64_t)c->max_size)
		return err_set(e, ERR_LIMIT, "larger than %" PRId64 " bytes", c->max_size);
	if (letter_read(blobs, m, SIZE_MAX, true, &message, e) < 0)
		return -1;
	for (int i = 0; i < TRIES; i++) {
		instant deadline = instant_in(2 * c->time);
		if (try_once(scan, job, deadline, buf_slice(&message), ret, e) == 0)
			return 0;
		if (e->kind != ERR_TEMP)
			return -1;
	}
	return -1;
}

int scan_use(struct link *scan, enum scan_use what, int fd, instant deadline, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf request = BUF(16);
	slice nothing;
	const struct scan_request r = {.job = SCAN_USE, .use = what};
	scan_request_encode(&request, &r);
	return link_call_file(scan, buf_slice(&request), fd, deadline, &a, &nothing, e);
}
