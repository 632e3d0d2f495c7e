/*
 * census: how many connections there are, in all and from where, over all edge processes: a table
 * in shared memory that the master makes. Each process counts in a region of its own and adds up
 * all of them, so nobody locks, and what a dead process counted is wiped by wiping its region.
 */
#pragma once
#include "base/err.h"
#include "run/net.h"

enum {
	CENSUS_REGIONS = 64,
	CENSUS_ROWS =
		2, /* an address counts in one bucket of each row; the smaller number is believed */
	CENSUS_BITS = 15, /* of a bucket's number */
};

struct census;
/* In the master. */
int census_create(int *ret_fd, struct err *e);
/* Maps it and wipes `region`, which is this process's. CENSUS_REGIONS: none, only to wipe others'.
 */
int census_open(int fd, unsigned region, struct census **ret, struct err *e);
void census_close(struct census *c);
void census_wipe(struct census *c, unsigned region); /* its process is gone */

enum census_answer { CENSUS_FINE, CENSUS_FULL, CENSUS_FULL_FROM_THERE };
/* One more connection from there, unless there are `max` or `max_per_ip` (0: any number) already.
 */
enum census_answer census_enter(
	struct census *c, const struct net_addr *from, int64_t max, int64_t max_per_ip);
/* It is over. Only after CENSUS_FINE. */
void census_leave(struct census *c, const struct net_addr *from);
/* The same for things with a number: sessions of an account. A table of its own: numbers and addresses may meet. */
enum census_answer census_enter_number(struct census *c, uint64_t number, int64_t max_each);
void census_leave_number(struct census *c, uint64_t number);
/* How many there are from there now, in all processes. */
unsigned census_from(const struct census *c, const struct net_addr *from);
int64_t census_total(const struct census *c);
unsigned census_mine(const struct census *c);
