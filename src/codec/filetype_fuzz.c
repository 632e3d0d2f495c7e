/* Types and names of any content: always one of the table, tricks only those of names. The name is
 * the first line, the rest the file. */
#include "base/must.h"
#include "codec/filetype.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice in = slice_of(data, n), name;
	enum filetype back;
	slice_cut(&in, '\n', &name);
	enum filetype t = filetype_of(in, name, S(""));
	must(t < FILETYPES);
	must(filetype_by_name(slice_z(filetype_name(t)), &back) && back == t);
	must(!(filetype_name_tricks(name) &
		~(unsigned)(EXTRACT_DOUBLE_NAME | EXTRACT_BIDI_NAME | EXTRACT_BLANKS_NAME)));
	if (filetype_disguised(t, name, S("image/png")))
		must(t != filetype_of_ending(name));
	return 0;
}
