/*
 * Message ids (queue.h): 42 bits of milliseconds since 2020, 6 bits that tell the writing processes
 * of one machine apart, 15 bits of sequence. The sequence starts at random in each millisecond, so
 * ids tell nobody how many messages pass. A process never makes the same id twice, also when its
 * clock is set back while it runs.
 */
#include "base/base32.h"
#include "base/must.h"
#include "base/rand.h"
#include "base/time.h"
#include "store/queue.h"

#include <pthread.h>

enum { SEQUENCE_BITS = 15, WRITER_BITS = 6, LOW_BITS = SEQUENCE_BITS + WRITER_BITS };
#define EPOCH_2020 1577836800000LL /* milliseconds */
#define MS_MAX ((1LL << 42) - 1)

static struct {
	pthread_mutex_t lock;
	bool has_writer;
	unsigned writer;
	int64_t ms;
	unsigned sequence, used;
} maker = {.lock = PTHREAD_MUTEX_INITIALIZER};

void msg_id_set_writer(unsigned writer)
{
	must(writer < MSG_ID_WRITERS);
	pthread_mutex_lock(&maker.lock);
	maker.writer = writer;
	maker.has_writer = true;
	pthread_mutex_unlock(&maker.lock);
}

static void enter_millisecond(int64_t ms)
{
	maker.ms = ms;
	maker.used = 0;
	maker.sequence = (unsigned)rand_below(1u << SEQUENCE_BITS);
}

msg_id msg_id_new(void)
{
	int64_t now = wall_now() / MSEC - EPOCH_2020;
	if (now < 0) /* a clock that was never set */
		now = 0;
	pthread_mutex_lock(&maker.lock);
	if (!maker.has_writer) {
		maker.writer = (unsigned)rand_below(MSG_ID_WRITERS);
		maker.has_writer = true;
	}
	if (now > maker.ms)
		enter_millisecond(now);
	else if (maker.used == 1u << SEQUENCE_BITS)
		enter_millisecond(maker.ms + 1);
	maker.used++;
	unsigned sequence = maker.sequence++ % (1u << SEQUENCE_BITS);
	msg_id id =
		(maker.ms & MS_MAX) << LOW_BITS | (int64_t)maker.writer << SEQUENCE_BITS | sequence;
	pthread_mutex_unlock(&maker.lock);
	return id;
}

void msg_id_print(msg_id id, char out[MSG_ID_TEXT])
{
	base32hex_put_u64((uint64_t)id, out);
	out[MSG_ID_TEXT - 1] = 0;
}

bool msg_id_parse(slice s, msg_id *ret)
{
	uint64_t v;
	if (!base32hex_u64(s, &v) || v > INT64_MAX || v == 0)
		return false;
	*ret = (msg_id)v;
	return true;
}

int64_t msg_id_wall(msg_id id)
{
	return ((id >> LOW_BITS) + EPOCH_2020) * MSEC;
}

msg_id msg_id_floor(int64_t wall)
{
	int64_t ms = wall / MSEC - EPOCH_2020;
	if (ms < 0)
		ms = 0;
	return (ms < MS_MAX ? ms : MS_MAX) << LOW_BITS;
}
