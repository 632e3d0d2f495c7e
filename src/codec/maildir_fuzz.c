/* Names in Maildirs: whatever a name is, what is read of it can be written, and is then read as the same. */
#include "base/mem.h"
#include "base/must.h"
#include "codec/maildir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void folders(slice in)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(1 << 20);
	slice path = maildir_folder(in, '.', &a);
	if (!path.n)
		return;
	maildir_put_folder(&out, path);
	must(out.n > 1 && memchr(out.p, '/', out.n) == NULL);
	if (out.n < MAILDIR_LEVEL_MAX - 20) /* it was not cut */
		must(slice_eq(maildir_folder(buf_slice(&out), '.', &a), path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct maildir_file f;
	slice in = slice_of(data, n), word;
	unsigned number;
	if (n > 2000 || memchr(data, 0, n)) /* names of files have none */
		return 0;
	if (maildir_file(in, &f)) {
		AUTO(buf) struct buf out = BUF(4000);
		struct maildir_file again;
		buf_put(&out, f.unique);
		maildir_put_info(&out, f.flags, f.words);
		must(maildir_file(buf_slice(&out), &again));
		must(slice_eq(again.unique, f.unique) && again.flags == f.flags &&
			again.words == f.words);
	}
	must(!maildir_word(in, &number, &word) || (number < MAILDIR_WORDS && word.n));
	folders(in);
	return 0;
}
