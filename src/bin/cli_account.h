/* The parts of `posthouse account`, for its table in cli_account.c. */
#pragma once
#include "bin/cli_directory.h"

/* Options of add and set: what an account may be given (cli_account_set.c). */
#define ACCOUNT_OPTIONS                                                                                          \
	{"name", "TEXT", "the person's name", "姓名"},                                                           \
		{"quota", "SIZE|none|class",                                                                     \
			"the most that the mailbox may hold: 500m, 2g (default: as the class "                   \
			"says)",                                                                                 \
			"邮箱容量：500m、2g（默认按服务等级）"},                                                 \
		{"messages", "N|none|class", "the most messages in the mailbox",                                 \
			"邮箱邮件数上限"},                                                                       \
		{"class", "NAME", "the service class", "服务等级"},                                              \
		{"department", "PATH|none", "the department", "部门"},                                           \
		{"allow", "LIST", "services beside those of the class (none: no more)",                          \
			"在服务等级之外允许的服务（none：没有）"},                                               \
		{"deny", "LIST", "services that the class allows and this account not",                          \
			"服务等级允许而此帐号禁用的服务"},                                                       \
		{"language", "TAG", "zh-CN, en; empty: the installation's",                                      \
			"语言：zh-CN、en；空为系统默认"},                                                        \
	{                                                                                                        \
		"field", "KEY=TEXT...",                                                                          \
			"fields of the address book: number, title, phone, mobile, office ... "                  \
			"(account fields)",                                                                      \
			"通讯录字段：number、title、phone、mobile、office 等（见 account fields）" \
	}
/* Takes them over into *d. An exit code. */
int account_options(struct cli_call *c, struct sql *db, struct account_draft *d, struct arena *a);

int account_set(struct cli_call *c); /* cli_account_set.c */
int account_show(struct cli_call *c);
int account_fields(struct cli_call *c);
int account_own(struct cli_call *c);

int account_list(struct cli_call *c); /* cli_account_list.c */

int account_delete(struct cli_call *c); /* cli_account_gone.c */
int account_recover(struct cli_call *c);
int account_remove(struct cli_call *c);

int account_import(struct cli_call *c); /* cli_account_import.c, also export */
int account_export(struct cli_call *c);
