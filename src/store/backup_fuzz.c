/* Fuzzing what is read from a repository before anything of it was opened, and a generation's list after it was. */
#include "base/mem.h"
#include "store/backup_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	slice s = slice_of(data, size);
	struct backup_content c = {0};
	struct backup_head h;
	struct backup_frame f;
	struct backup_ref r;
	struct backup_secret secret;
	unsigned char id[BACKUP_ID];
	struct err e;
	backup_head_parse(s, &h);
	backup_frame_parse(s, &f);
	backup_ref_parse(s, &r);
	backup_name_id(s, id);
	backup_secret_parse(s, &secret, &e);
	if (backup_content_parse(s, true, &c))
		for (size_t i = 0; i < c.nfiles; i++)
			backup_file_find(&c, c.files[i].path);
	arena_done(&c.mem);
	return 0;
}
