/* backup_role: the process that makes backups by the schedule (backup_role.c). */
#pragma once
#include "bin/backup.h"
#include "bin/role.h"

extern const struct role backup_role;
bool backup_wanted(const struct config *c);
/* A number that grows by one at each time for which a backup is planned. */
int64_t backup_slot(const struct backup_conf *c, int64_t wall);
