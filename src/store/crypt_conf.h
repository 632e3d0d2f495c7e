/* The section [encryption]: where the installation key of an encrypted store is (crypt.h). */
#pragma once
#include "run/conf.h"

struct crypt_conf {
	slice key_file; /* empty: the store is plain */
};
extern const struct conf_section crypt_section;
