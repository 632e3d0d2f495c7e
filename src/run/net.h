/*
 * Sockets: addresses, listening, accepting, connecting. IPv4, IPv6 and unix sockets alike.
 */
#pragma once
#include "run/io.h"
#include <sys/socket.h>

struct net_addr {
	struct sockaddr_storage ss; /* v4-mapped peers come as plain IPv4 */
	socklen_t len;
	bool dual; /* "*": every IPv6 and IPv4 address; "[::]" is IPv6 alone */
};

enum { NET_TEXT_MAX = 128 };
/* "192.0.2.1:25", "[2001:db8::1]:25", "*:25" (any, dual stack), "unix:/run/x"; the port may be
 * missing, and 0 means any free one. ERR_PROTO. */
int net_parse(slice s, uint16_t default_port, struct net_addr *ret, struct err *e);
size_t net_print(const struct net_addr *a, char out[NET_TEXT_MAX]); /* with port */
size_t net_print_ip(
	const struct net_addr *a, char out[NET_TEXT_MAX]); /* IP alone; v4-mapped as v4 */
int net_from_ip(slice ip, uint16_t port, struct net_addr *ret, struct err *e);
uint16_t net_port(const struct net_addr *a);
/* Turns ::ffff:192.0.2.1 into 192.0.2.1. */
void net_unmap(struct net_addr *a);
bool net_is_loopback(const struct net_addr *a);
/* Of this machine or a network of somebody's own, or no address of one host at all (RFC 6890): what strangers and people must not lead us to. */
bool net_is_inside(const struct net_addr *a);

/* "192.0.2.0/24", "2001:db8::/32", a bare address. Bits behind the prefix are ignored. */
struct net_cidr {
	int family;
	uint8_t bits, ip[16];
};
int net_cidr_parse(slice s, struct net_cidr *ret, struct err *e);
bool net_cidr_match(const struct net_cidr *c, const struct net_addr *a);

/* Accepted sockets have TCP_NODELAY. A dead unix socket in the way is removed. ERR_EXISTS when the
 * address is in use. */
int net_listen(const struct net_addr *a, int backlog, int *ret_fd, struct err *e);
/* Waits for a connection; the fd is non-blocking. ERR_CLOSED when cancelled, ERR_TEMP when out of
 * descriptors or memory (sleep a little, then go on). */
int net_accept(int listen_fd, int *ret_fd, struct net_addr *ret_peer, struct err *e);
/* From `source` (may be NULL). The io's deadline is set to `deadline`. */
int net_connect(const struct net_addr *to, const struct net_addr *source, instant deadline,
	struct io **ret, struct err *e);
int net_local_addr(int fd, struct net_addr *ret, struct err *e);
