/* `posthouse lookup mx`, `ptr`, `txt`: plain records and what they mean for mail. */
#include "bin/cli_lookup.h"

#include "base/mem.h"

#include <stdio.h>

/* ---- mx ---- */

/* What is wrong with a mail host; empty: nothing. */
static const char *host_note(slice host, const struct dns_addr_answer *a, bool failed)
{
	struct net_addr ip;
	struct err e;
	if (net_from_ip(host, 0, &ip, &e) == 0)
		return T("an address in place of a name: not allowed (RFC 5321)",
			"用地址代替主机名：不允许（RFC 5321）");
	if (failed)
		return T("its addresses could not be looked up", "无法查询其地址");
	if (a->dns.status == DNS_NXDOMAIN)
		return T("does not exist", "不存在");
	if (a->n == 0)
		return T("has no address", "没有地址");
	if (!slice_ieq(a->dns.canon, host))
		return T("an alias: not allowed for mail hosts (RFC 2181 section 10.3)",
			"是别名：邮件主机不允许（RFC 2181 第 10.3 节）");
	for (size_t i = 0; i < a->n; i++)
		if (net_is_loopback(&a->v[i]))
			return T("leads to the own machine", "指向本机");
	return "";
}

static void mx_row(struct looking *l, struct listing *out, const struct dns_mx *mx)
{
	struct dns_addr_answer a = {0};
	struct err e;
	bool failed = dns_addr(l->dns, mx->host, l->deadline, l->mem, &a, &e) < 0;
	const char *note = host_note(mx->host, &a, failed);
	slice addresses = looking_addresses(l, a.v, failed ? 0 : a.n);
	if (out->json) {
		json_open_object(&out->j, NULL);
		json_int(&out->j, "preference", mx->pref);
		json_text(&out->j, "host", mx->host);
		json_open_array(&out->j, "addresses");
		for (slice ip; addresses.n && slice_cut(&addresses, ' ', &ip);)
			json_text(&out->j, NULL, ip);
		json_close(&out->j, ']');
		json_bool(&out->j, "secure", !failed && a.dns.secure);
		json_text(&out->j, "note", slice_z(note));
		json_close(&out->j, '}');
		return;
	}
	table_cellf(out->table, "%u", mx->pref);
	table_cell(out->table, looking_name(l, mx->host));
	table_cell(out->table, addresses);
	table_cell(out->table, slice_z(note));
}

static int no_hosts(struct looking *l, slice domain, const struct dns_hosts_answer *h)
{
	if (h->null_mx)
		say(l,
			T("%.*s takes no mail: it says so by a null MX (RFC 7505). Mail to it is "
			  "returned at once.",
				"%.*s 不收邮件：它以空 MX 声明（RFC "
				"7505）。发往它的邮件立即退回。"),
			SFMT(domain));
	else
		say(l,
			T("%.*s does not exist. Mail to it is returned at once.",
				"%.*s 不存在。发往它的邮件立即退回。"),
			SFMT(domain));
	return CLI_NOTHING;
}

static void list_hosts(struct looking *l, const struct dns_hosts_answer *h)
{
	const char *const heads[] = {T(">PREFERENCE", ">优先级"), T("HOST", "主机"),
		T("ADDRESSES", "地址"), T("NOTE", "说明")};
	struct listing out = {.json = l->j != NULL};
	if (l->j) {
		out.j = *l->j;
		json_open_array(&out.j, "hosts");
	} else {
		out.table = table_new(heads, 4);
	}
	for (size_t i = 0; i < h->n; i++)
		mx_row(l, &out, &h->v[i]);
	if (l->j) {
		json_close(&out.j, ']');
		*l->j = out.j;
	} else {
		table_end(out.table);
	}
}

int lookup_mx(struct looking *l)
{
	struct dns_hosts_answer h = {0};
	struct err e;
	slice domain;
	if (!looking_domain(l, 0, &domain))
		return CLI_USAGE;
	if (dns_mail_hosts(l->dns, domain, l->deadline, l->mem, &h, &e) < 0)
		return looking_failed(l, &e);
	slice shown = looking_name(l, domain);
	if (l->j) {
		json_text(l->j, "domain", domain);
		json_bool(l->j, "null_mx", h.null_mx);
		json_bool(l->j, "implicit", h.implicit);
	}
	show_answer(l, &h.dns);
	if (h.null_mx || h.dns.status == DNS_NXDOMAIN || h.n == 0)
		return no_hosts(l, shown, &h);
	if (h.implicit)
		say(l,
			T("%.*s has no MX record: mail goes to its own addresses (RFC 5321 section "
			  "5.1).",
				"%.*s 没有 MX 记录：邮件发往它自己的地址（RFC 5321 第 5.1 节）。"),
			SFMT(shown));
	else
		say(l,
			T("Mail for %.*s goes to these hosts; the lowest preference is tried "
			  "first, "
			  "equal ones in random order.",
				"发往 %.*s 的邮件交给下列主机；优先级数字小者先试，相同者随机。"),
			SFMT(shown));
	list_hosts(l, &h);
	return CLI_OK;
}

/* ---- ptr ---- */

static bool leads_back(const struct dns_addr_answer *a, slice ip)
{
	char text[NET_TEXT_MAX];
	for (size_t i = 0; i < a->n; i++)
		if (slice_eq(slice_of(text, net_print_ip(&a->v[i], text)), ip))
			return true;
	return false;
}

/* 1: the name leads back, 0: not, -1: not known now. */
static int ptr_row(struct looking *l, slice name, slice ip)
{
	struct dns_addr_answer a = {0};
	struct err e;
	int back = -1;
	if (dns_addr(l->dns, name, l->deadline, l->mem, &a, &e) == 0)
		back = leads_back(&a, ip);
	slice addresses = looking_addresses(l, a.v, back < 0 ? 0 : a.n);
	if (l->j) {
		json_open_object(l->j, NULL);
		json_text(l->j, "name", name);
		json_text(l->j, "verified", slice_z(back < 0 ? "unknown" : back ? "yes" : "no"));
		json_text(l->j, "addresses", addresses);
		json_close(l->j, '}');
	} else {
		printf("%.*s\n", SFMT(name));
	}
	if (back > 0)
		say(l, T("%.*s leads back to %.*s.", "由 %.*s 可查回 %.*s。"), SFMT(name),
			SFMT(ip));
	else if (back == 0)
		say(l,
			T("%.*s does not lead back to %.*s%s%.*s: the name proves nothing.",
				"由 %.*s 不能查回 %.*s%s%.*s：该名称不能证明任何事。"),
			SFMT(name), SFMT(ip),
			addresses.n ? T(", but to ", "，而是 ")
				    : T(": it has no address", "，它没有地址"),
			SFMT(addresses));
	else
		say(l,
			T("%.*s: its addresses cannot be looked up now.",
				"%.*s：暂时无法查询其地址。"),
			SFMT(name));
	return back;
}

static int ptr_names(struct looking *l, const struct dns_names_answer *names, slice ip)
{
	int good = 0, unknown = 0;
	if (l->j)
		json_open_array(l->j, "names");
	for (size_t i = 0; i < names->n; i++) {
		int back = ptr_row(l, names->v[i], ip);
		good += back > 0;
		unknown += back < 0;
	}
	if (l->j)
		json_close(l->j, ']');
	if (names->n == 0) {
		say(l,
			T("%.*s has no name. Many receivers refuse mail from such an address; its "
			  "provider can set one.",
				"%.*s "
				"没有反向名称。许多接收方拒收这种地址发来的邮件；名称由其网络服"
				"务商设置。"),
			SFMT(ip));
		return CLI_NOTHING;
	}
	if (names->n > 1)
		say(l,
			T("An address should have one name, not %zu.",
				"一个地址应只有一个名称，而不是 %zu 个。"),
			names->n);
	if (!good && !unknown)
		say(l, T("No name leads back to the address. Large receivers refuse such mail.",
			       "没有名称能查回该地址。大型接收方会拒收这样的邮件。"));
	return good ? CLI_OK : unknown ? CLI_TEMPORARY : CLI_FAILED;
}

int lookup_ptr(struct looking *l)
{
	struct dns_names_answer names = {0};
	struct net_addr ip;
	struct err e;
	char text[NET_TEXT_MAX];
	if (!looking_ip(l, 0, &ip))
		return CLI_USAGE;
	slice shown = slice_of(text, net_print_ip(&ip, text));
	if (dns_ptr(l->dns, &ip, l->deadline, l->mem, &names, &e) < 0)
		return looking_failed(l, &e);
	if (l->j)
		json_text(l->j, "ip", shown);
	show_answer(l, &names.dns);
	return ptr_names(l, &names, shown);
}

/* ---- txt ---- */

int lookup_txt(struct looking *l)
{
	struct dns_names_answer r = {0};
	struct err e;
	slice name;
	if (!looking_domain(l, 0, &name))
		return CLI_USAGE;
	if (dns_txt(l->dns, name, l->deadline, l->mem, &r, &e) < 0)
		return looking_failed(l, &e);
	if (l->j)
		json_text(l->j, "name", name);
	show_answer(l, &r.dns);
	if (l->j)
		json_open_array(l->j, "texts");
	for (size_t i = 0; i < r.n; i++) {
		if (l->j) {
			json_text(l->j, NULL, r.v[i]);
			continue;
		}
		putchar('"');
		out_safe(r.v[i]);
		puts("\"");
	}
	if (l->j)
		json_close(l->j, ']');
	if (r.dns.status == DNS_NXDOMAIN)
		say(l, T("%.*s does not exist.", "%.*s 不存在。"), SFMT(name));
	else if (r.n == 0)
		say(l, T("%.*s has no text records.", "%.*s 没有文本记录。"), SFMT(name));
	return r.n ? CLI_OK : CLI_NOTHING;
}
