/*
 * The TLS of processes that listen: edge, access and web. A listener serves several certificates: the client
 * says which host it means (SNI, RFC 6066 3), and gets the certificate that has this name, itself or by a
 * wildcard. Who asks for no name, or for one that none has, gets that of [tls]. A reload starts new processes,
 * which read the files anew; the master tries all of them before: one that cannot be used refuses the reload.
 */
#include "bin/server_tls.h"

#include "base/mem.h"

static void check_cert(const void *value, slice instance, struct conf_check *c)
{
	const struct tls_cert_conf *v = value;
	(void)instance;
	if (!v->certificate.n || !v->key.n)
		conf_complain(c,
			v->key.n           ? "certificate"
			: v->certificate.n ? "key"
					   : NULL,
			"certificate and key must both be given",
			"必须同时给出 certificate 和 key");
}

#define T struct tls_cert_conf
static const struct conf_key keys[] = {
	CONF_KEY_PATH(T, certificate, "",
		"PEM file of a further certificate, its chain behind it. Clients that ask for a "
		"host name that it "
		"has, or covers by a wildcard, get it on every listener (SNI).",
		"另一张证书的 PEM "
		"文件，证书链跟在后面。客户端请求的主机名在此证书中（或由其通配符覆盖）时，"
		"各监听端口均使用此证书（SNI）。"),
	CONF_KEY_PATH(T, key, "", "PEM file of its private key.", "其私钥的 PEM 文件。"), CONF_END};
#undef T
const struct conf_section tls_cert_section = {.name = "tls",
	.keys = keys,
	.size = sizeof(struct tls_cert_conf),
	.named = true,
	.doc_en = "Further certificates, for other host names of this server. The name of the "
		  "section is "
		  "free; the host names are those in the certificate.",
	.doc_zh = "本服务器其他主机名的证书。节名可自定；主机名取自证书。",
	.check = check_cert};

static int add_all(const struct config *c, struct tls_ctx *tls, struct err *e)
{
	slice name;
	for (size_t i = 0; i < conf_count(c->conf, &tls_cert_section); i++) {
		const struct tls_cert_conf *v = conf_nth(c->conf, &tls_cert_section, i, &name);
		struct err why;
		if (tls_server_ctx_add_cert(tls, v->certificate, v->key, &why) < 0)
			return err_set(e, why.kind, "[tls \"%.*s\"] %s", SFMT(name), why.text);
	}
	return 0;
}

static int open_ctx(
	const struct config *c, slice ticket_secret, struct tls_ctx **ret, struct err *e)
{
	const struct tls_server_config server = {
		.cert_file = c->certificate,
		.key_file = c->key,
		.ciphers = c->tls->ciphers,
		.ticket_secret = ticket_secret,
	};
	struct tls_ctx *tls;
	if (tls_server_ctx(&server, &tls, e) < 0)
		return -1;
	if (add_all(c, tls, e) < 0) {
		tls_ctx_unref(tls);
		return -1;
	}
	*ret = tls;
	return 0;
}

int server_tls_open(struct role_env *env, struct arena *mem, struct tls_ctx **ret, struct err *e)
{
	return open_ctx(&env->config, role_tls_tickets(env, mem), ret, e);
}

int server_tls_check(const struct config *c, struct err *e)
{
	struct tls_ctx *tls;
	if (open_ctx(c, S(""), &tls, e) < 0)
		return -1;
	tls_ctx_unref(tls);
	return 0;
}
