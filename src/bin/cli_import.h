/* `posthouse import`: cli_import.c. */
#pragma once
#include "bin/cli_verbs.h"
#include "mail/import_file.h"
