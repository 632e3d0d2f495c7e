/*
 * What the process that takes a foreign container apart (an archive, a PST) says to the one that imports, over a socket: frames of a type, a length, and
 * fields. The reader is confined (import_unpack.h) and is not trusted: import_reader.h looks at all that it says.
 *
 *	archive		ENTRY, answered; then BYTES ... END or BAD; DONE or FAILED
 *	PST		FOLDER; ITEM, answered; then BYTES ... END or BAD; LEFT; DONE or FAILED
 */
#pragma once
#include "base/buf.h"
#include "base/cur.h"
#include "base/time.h"

enum { WIRE_HEAD = 5, WIRE_BYTES_MAX = 128 * 1024, WIRE_FRAME_MAX = 256 * 1024 };

enum wire_frame {
	WIRE_ENTRY = 'N', /* u8 kind, u64 mtime (usec), str name */
	WIRE_FOLDER = 'F', /* u8 use, u8 is_mail, str path */
	WIRE_ITEM = 'I', /* u32 flags, u64 received (usec), str key, str categories */
	WIRE_BYTES = 'B', /* as they are */
	WIRE_END = 'E',
	WIRE_BAD = 'X', /* str what, str why: this entry or item cannot be read, or not all of it */
	WIRE_LEFT = 'L', /* u8 enum pst_kind: an item that is no mail */
	WIRE_ALIVE = 'A', /* it reads on */
	WIRE_DONE = 'Z', /* str: what is lost of it; empty: nothing */
	WIRE_FAILED = 'D', /* str why: nothing more can be read */
};
#define WIRE_TIME_MAX (INT64_C(253402300799) * SECOND) /* the end of the year 9999 */
enum wire_kind { WIRE_IS_FILE = 1, WIRE_IS_DIR, WIRE_IS_OTHER };

/* An answer is one byte. To BYTES of WIRE_BYTES_MAX that begin a file it comes once more: is the rest wanted? */
enum wire_answer {
	WIRE_NO = 'n',
	WIRE_ALL = 'y',
	WIRE_LETTER = 'l', /* not more than a letter may have, and a byte */
};
