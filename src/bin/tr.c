/* Which language the command line speaks (tr.h). */
#include "bin/tr.h"

#include <stdlib.h>
#include <string.h>

enum lang tr_lang = LANG_EN;

bool tr_parse(const char *name, enum lang *ret)
{
	if (!name || !*name)
		return false;
	bool zh = strncmp(name, "zh", 2) == 0 && (name[2] == 0 || strchr("_-.@", name[2]));
	*ret = zh ? LANG_ZH : LANG_EN;
	return true;
}

void tr_from_environment(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
		if (tr_parse(getenv(names[i]), &tr_lang))
			return;
}
