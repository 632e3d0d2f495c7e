/*
 * Talking to the service manager as sd_notify(3) does: datagrams to the socket in NOTIFY_SOCKET.
 * Our own few lines instead of a library. Used by bin/master.c.
 */
#include "run/proc.h"

#include "base/mem.h"
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void proc_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof to.sun_path)
		return;
	size_t n = strlen(path);
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = 0;
	AUTO(fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	/* Best effort: a service manager that does not listen is not our trouble. */
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, len) < 0)
		return;
}

int64_t proc_watchdog_usec(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t v, p;
	if (!usec || !slice_u64(slice_z(usec), &v) || v == 0 || v > INT64_MAX)
		return 0;
	if (pid && (!slice_u64(slice_z(pid), &p) || p != (uint64_t)getpid()))
		return 0;
	return (int64_t)v / 2;
}
