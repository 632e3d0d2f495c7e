/* Inside `posthouse backup` and `posthouse restore`: the repository, opened. cli_backup.c, cli_backup_key.c, cli_restore.c, cli_restore_mail.c,
 * cli_restore_gone.c, cli_restore_aside.c. */
#pragma once
#include "bin/backup.h"
#include "bin/cli_env.h"

struct cli_backup {
	struct cli_env env;
	const struct backup_conf *conf;
	struct backup_extras extras; /* when asked for */
	struct backup_target *target;
	struct backup_secret secret;
	struct backup_repo *repo; /* with the key */
	struct arena mem;
	bool progress; /* somebody looks: tells how far it is */
	int64_t told_at;
};
enum cli_backup_needs {
	NEEDS_STORE = 1, /* this installation's store; else it may be missing */
	NEEDS_EXTRAS = 2,
	NEEDS_KEY = 4, /* --key, a passphrase */
};
/* -1 after a complaint. */
int cli_backup_open(struct cli_call *c, unsigned needs, struct cli_backup *b, int *ret_code);
void cli_backup_close(struct cli_backup *b);
static inline void auto_cli_backup(struct cli_backup *b)
{
	cli_backup_close(b);
}
/* For go_on: tells on the terminal; never ends it. */
bool cli_backup_progress(void *arg, uint64_t done, uint64_t all);
void cli_backup_progress_end(struct cli_backup *b);
/* The newest first: what the server remembers; with the key what the repository has. */
int cli_backup_generations(
	struct cli_backup *b, struct backup_generation **ret, size_t *ret_n, struct err *e);
/* "latest", the beginning of an ID, or a time (the newest not after it); empty: latest. */
int cli_backup_find(
	struct cli_backup *b, slice which, struct backup_generation *ret, struct err *e);
/* "3fa81c02" */
slice cli_backup_id(const unsigned char name[BACKUP_ID], struct arena *a);

enum { CLI_BACKUP_KEY_FILE_MAX = 4096 };
int cli_backup_init(struct cli_call *c);
int cli_backup_adopt(struct cli_call *c);
int cli_backup_key(struct cli_call *c);
extern const struct cli_option cli_backup_key_options[];
/* Every table of options of these commands begins with these. */
#define CLI_BACKUP_KEY_OPTIONS                                                                     \
	{"key", "FILE", "the repository's key file; else its passphrase is asked for",             \
		"仓库的密钥文件；未给出时询问口令"},                                               \
	{                                                                                          \
		"stdin", NULL, "the passphrase is the first line of standard input",               \
			"口令取自标准输入的第一行"                                     \
	}

/* ---- restore ---- */

int cli_restore_account(struct cli_call *c);
int cli_restore_folder(struct cli_call *c);
int cli_restore_message(struct cli_call *c);
extern const struct cli_option cli_restore_account_options[], cli_restore_folder_options[],
	cli_restore_message_options[];

/* An account that is gone comes back with what belonged to it (cli_restore_gone.c, store/revive.h): before its mail, folders, mail, after it. */
struct cli_revive;
struct backup_mail;
struct json;
struct sql;
/* *ret also when it goes wrong; the caller ends it by cli_revive_free. *ret_id: whose mailbox it is. */
int cli_revive_begin(struct cli_backup *b, struct backup_mail *then, slice address,
	struct cli_revive **ret, int64_t *ret_id, struct err *e);
int cli_revive_folders(
	struct cli_revive *r, struct sql *then_shard, struct sql *now_shard, struct err *e);
int cli_revive_end(
	struct cli_revive *r, struct sql *then_shard, struct sql *now_shard, struct err *e);
void cli_revive_tell(const struct cli_revive *r, struct json *j); /* j NULL: as text */
void cli_revive_free(struct cli_revive *r);

struct mailbox_message;
enum aside_format { ASIDE_EML, ASIDE_MBOX, ASIDE_MAILDIR };
bool cli_aside_format(slice name, enum aside_format *ret);
/* Writes a message below DIR, which is the caller's. */
int cli_aside_write(slice dir, enum aside_format f, slice folder, const struct mailbox_message *m,
	slice bytes, struct err *e);
