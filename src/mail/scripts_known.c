/* What rules ask about a mailbox (scripts_known.h). Called by bin/queue_scripts.c and `posthouse sieve test`. */
#include "mail/scripts_known.h"

#include "base/mem.h"

static slice use_name(enum mailbox_use use)
{
	static const char *const names[] = {[MAILBOX_USE_NONE] = "",
		[MAILBOX_USE_ARCHIVE] = "\\Archive",
		[MAILBOX_USE_DRAFTS] = "\\Drafts",
		[MAILBOX_USE_JUNK] = "\\Junk",
		[MAILBOX_USE_SENT] = "\\Sent",
		[MAILBOX_USE_TRASH] = "\\Trash",
		[MAILBOX_USE_FLAGGED] = "\\Flagged",
		[MAILBOX_USE_ALL] = "\\All",
		[MAILBOX_USE_IMPORTANT] = "\\Important"};
	return slice_z(use < sizeof names / sizeof *names ? names[use] : "");
}

int scripts_known_folders(struct sql *db, int64_t account_id, struct arena *a,
	struct sieve_folder **ret, size_t *ret_n, struct err *e)
{
	struct mailbox_folder *v;
	size_t n;
	if (mailbox_folders(db, account_id, a, &v, &n, e) < 0)
		return -1;
	if (n > SCRIPTS_FOLDERS_MAX)
		n = SCRIPTS_FOLDERS_MAX;
	struct sieve_folder *to = ARENA_ARRAY(a, struct sieve_folder, n + 1);
	for (size_t i = 0; i < n; i++)
		to[i] = (struct sieve_folder){.name = v[i].name,
			.id = arena_printf(
				a, "F%lld-%lld", (long long)account_id, (long long)v[i].id),
			.use = use_name(v[i].use),
			.may_insert = true};
	*ret = to;
	*ret_n = n;
	return 0;
}

/* As mail/box_acl.c keeps them. */
static slice in_lower_case(slice entry, struct arena *a)
{
	char *low = arena_strz(a, entry);
	for (size_t i = 0; i < entry.n; i++)
		low[i] = ascii_lower(low[i]);
	return slice_of(low, entry.n);
}

int scripts_known_metadata(struct sql *db, int64_t account_id, slice folder, slice entry,
	struct arena *a, slice *ret, struct err *e)
{
	struct mailbox_folder f = {0};
	struct mailbox_metadata *v;
	size_t n;
	slice stored = in_lower_case(entry, a);
	if (folder.n && mailbox_folder_find(db, account_id, folder, a, &f, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	if (mailbox_metadata(db, account_id, f.id, account_id, a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (slice_eq(v[i].entry, stored)) {
			*ret = v[i].value;
			return 1;
		}
	return 0;
}

bool scripts_known_group(slice list, slice *ret_address)
{
	slice scheme = S(SCRIPTS_GROUP_URN);
	*ret_address = slice_skip(list, scheme.n);
	return slice_istarts(list, scheme) && ret_address->n > 0;
}
