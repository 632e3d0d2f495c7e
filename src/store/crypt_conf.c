/* The section [encryption] (crypt_conf.h). */
#include "store/crypt_conf.h"

#define T struct crypt_conf
static const struct conf_key keys[] = {
	CONF_KEY_PATH(T, key_file, "",
		"File with the key that opens the encrypted store: one line of 64 hexadecimal "
		"digits, readable by its owner alone, outside of [server] data. "
		"Without it an encrypted store does not start. Naming it encrypts nothing yet: "
		"posthouse encryption on. Changes by a restart.",
		"存放加密存储密钥的文件：一行 64 位十六进制数，仅属主可读，且不在 [server] data "
		"之内。"
		"没有它，已加密的存储无法启动。仅填写此项并不会加密：请执行 posthouse encryption "
		"on。重启后生效。"),
	CONF_END};
#undef T
const struct conf_section crypt_section = {.name = "encryption",
	.keys = keys,
	.size = sizeof(struct crypt_conf),
	.doc_en = "Encryption at rest: messages and databases on the disk.",
	.doc_zh = "静态加密：磁盘上的邮件和数据库。"};
