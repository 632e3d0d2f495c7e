/*
 * filetype: what kind of file these bytes are, whatever its name and label say; what a name claims;
 * and the tricks that names play on readers. Pure; looks at the head of a file (of archives by zip
 * at the list of names), so its time does not depend on the size.
 */
#pragma once
#include "codec/extract.h"

enum filetype_class { /* bits */
	FILETYPE_PROGRAM = 1, /* machine code, packages, byte code */
	FILETYPE_SCRIPT = 1 << 1, /* text that runs when it is opened */
	FILETYPE_SHORTCUT = 1 << 2, /* leads to a program or to another place when opened */
	FILETYPE_ARCHIVE = 1 << 3,
	FILETYPE_DISK =
		1 << 4, /* is mounted when opened; what is inside loses its mark of origin */
	FILETYPE_DOCUMENT = 1 << 5,
	FILETYPE_OFFICE = 1 << 6, /* what office programs open under each other's names */
	FILETYPE_WEB = 1 << 7, /* opens in a browser */
	FILETYPE_MAIL = 1 << 8,
	FILETYPE_LOCKED = 1 << 9, /* encrypted for its reader: honest by itself */
	FILETYPE_PICTURE = 1 << 10,
	FILETYPE_MEDIA = 1 << 11,
	FILETYPE_PLAIN = 1 << 12, /* is text */
	FILETYPE_CLOSED = 1 << 13, /* an archive or a disk that we cannot unpack */
	FILETYPE_DANGEROUS = FILETYPE_PROGRAM | FILETYPE_SCRIPT | FILETYPE_SHORTCUT,
};

enum filetype {
#define FILETYPE(id, name, classes) FILETYPE_##id,
#include "codec/filetype_table.h"
#undef FILETYPE
	FILETYPES
};

/* "exe", "docx": lower case, for people, rules and reports. */
const char *filetype_name(enum filetype t);
bool filetype_by_name(slice name, enum filetype *ret);
/* Whether it is of any of these classes. */
bool filetype_is(enum filetype t, unsigned classes);

/* By its bytes first; the name and the declared type decide where bytes cannot (scripts and other
 * plain text; programs without a head). Both may be empty. */
enum filetype filetype_of(slice bytes, slice name, slice label);
/* By the bytes alone: FILETYPE_TEXT, _UNKNOWN for what only a name could tell. */
enum filetype filetype_of_bytes(slice bytes);
/* What the ending of a name says; FILETYPE_UNKNOWN: nothing. */
enum filetype filetype_of_ending(slice name);
/* What a declared type says, "application/pdf"; FILETYPE_UNKNOWN: nothing. */
enum filetype filetype_of_label(slice label);

/* The tricks of a name (UTF-8): EXTRACT_DOUBLE_NAME, _BIDI_NAME, _BLANKS_NAME. */
unsigned filetype_name_tricks(slice name);
/* Whether the name, or the label of a file whose name says nothing, claims another kind of file in
 * a way that misleads. What programs and people mix up honestly (an .xls that is HTML, a .jpg that
 * is PNG) does not count. */
bool filetype_disguised(enum filetype t, slice name, slice label);
