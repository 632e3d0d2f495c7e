/*
 * Lookup of autonomous systems (asn.h) by libmaxminddb, for reputation.c. The file is mapped, read
 * in the loop's thread; to replace it, put a new one in its place (rename) and reload.
 */
#include "defence/asn.h"

#include "base/mem.h"

#include <maxminddb.h>

struct asn {
	MMDB_s db;
};

int asn_open(slice path, struct asn **ret, struct err *e)
{
	AUTO(free) char *file = mem_dup(path.p, path.n);
	struct asn *a = NEW(struct asn);
	int rc = MMDB_open(file, MMDB_MODE_MMAP, &a->db);
	if (rc != MMDB_SUCCESS) {
		free(a);
		return err_set(e, ERR_PERM, "%s: %s", file, MMDB_strerror(rc));
	}
	*ret = a;
	return 0;
}

void asn_close(struct asn *a)
{
	if (!a)
		return;
	MMDB_close(&a->db);
	free(a);
}

static bool find(struct asn *a, const struct net_addr *ip, MMDB_entry_s *ret)
{
	struct net_addr plain = *ip;
	int rc;
	net_unmap(&plain);
	if (plain.ss.ss_family != AF_INET && plain.ss.ss_family != AF_INET6)
		return false;
	MMDB_lookup_result_s found =
		MMDB_lookup_sockaddr(&a->db, (const struct sockaddr *)&plain.ss, &rc);
	*ret = found.entry;
	return rc == MMDB_SUCCESS && found.found_entry;
}

uint32_t asn_of(struct asn *a, const struct net_addr *ip)
{
	MMDB_entry_s entry;
	MMDB_entry_data_s data;
	if (!find(a, ip, &entry) ||
		MMDB_get_value(&entry, &data, "autonomous_system_number", NULL) != MMDB_SUCCESS ||
		!data.has_data || data.type != MMDB_DATA_TYPE_UINT32)
		return 0;
	return data.uint32;
}

void asn_country(struct asn *a, const struct net_addr *ip, char ret[4])
{
	MMDB_entry_s entry;
	MMDB_entry_data_s data;
	ret[0] = 0;
	if (!find(a, ip, &entry) ||
		MMDB_get_value(&entry, &data, "country", "iso_code", NULL) != MMDB_SUCCESS ||
		!data.has_data || data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size != 2)
		return;
	memcpy(ret, data.utf8_string, 2);
	ret[2] = 0;
}
