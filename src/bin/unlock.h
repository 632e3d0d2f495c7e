/*
 * unlock: the keys of an encrypted store (store/crypt.h), from the file to the processes that need them. The master reads the key file once, and hands the ring
 * in sealed memory to the roles that open databases or packs (role.c); the command line reads the file itself.
 */
#pragma once
#include "bin/config.h"
#include "bin/role.h"

/* Into this process's ring. 1: done; 0: the store is plain; -1. */
int unlock_store(const struct config *c, struct err *e);
/* The master: a descriptor for its children, and nothing in its own ring. -1 in *ret: the store is plain. */
int unlock_for_children(const struct config *c, int *ret, struct err *e);
/* A role: what the master gave becomes its ring. */
int unlock_from_master(struct role_env *env, struct err *e);
