/*
 * The table of brands (brands.h). Kept short on purpose: names that are abused all over the world
 * or all over China, and nothing that only some region knows; a site adds its own banks and
 * suppliers as partners. Used by check_brand.c.
 */
#include "content/brands.h"

#include "codec/address.h"
#include <pthread.h>

#define BRAND(key, names, domains)                                                                 \
	{                                                                                          \
		S_INIT(key), S_INIT(names), S_INIT(domains), false                                 \
	}
#define WORD(key, names, domains)                                                                  \
	{                                                                                          \
		S_INIT(key), S_INIT(names), S_INIT(domains), true                                  \
	}

const struct brand brands[] = {
	/* mail, clouds, software */
	BRAND("microsoft",
		"microsoft|office 365|office365|microsoft365|outlook web|onedrive|sharepoint "
		"online",
		"microsoft.com microsoftonline.com office.com office365.com outlook.com live.com "
		"hotmail.com windows.com sharepoint.com sharepointonline.com azure.com "
		"onmicrosoft.com "
		"microsoft365.com cloud.microsoft skype.com msn.com xbox.com github.com "
		"linkedin.com "
		"yammer.com microsoftstore.com teams.mail.microsoft dynamics.com"),
	BRAND("google", "google|gmail",
		"google.com gmail.com googlemail.com youtube.com withgoogle.com google.cn "
		"googlegroups.com googleapis.com appspotmail.com goo.gle"),
	WORD("apple", "apple", "apple.com icloud.com itunes.com me.com mac.com"),
	BRAND("icloud", "icloud|itunes", "icloud.com apple.com itunes.com me.com mac.com"),
	BRAND("dropbox", "dropbox", "dropbox.com dropboxmail.com dropboxforum.com"),
	BRAND("docusign", "docusign", "docusign.com docusign.net"),
	WORD("adobe", "adobe", "adobe.com adobesign.com echosign.com"),
	BRAND("wetransfer", "wetransfer", "wetransfer.com"),
	WORD("zoom", "zoom", "zoom.us zoom.com zoom.com.cn zoomus.cn"),
	BRAND("mcafee", "mcafee", "mcafee.com mcafeemail.com"),
	WORD("norton", "norton", "norton.com nortonlifelock.com gendigital.com"),
	/* people meet */
	BRAND("facebook", "facebook", "facebook.com facebookmail.com fb.com meta.com metamail.com"),
	BRAND("instagram", "instagram", "instagram.com facebook.com facebookmail.com meta.com"),
	BRAND("whatsapp", "whatsapp", "whatsapp.com whatsapp.net facebook.com meta.com"),
	BRAND("linkedin", "linkedin", "linkedin.com microsoft.com"),
	BRAND("telegram", "telegram", "telegram.org t.me"),
	/* money */
	BRAND("paypal", "paypal", "paypal.com paypal.me paypalobjects.com paypal-corp.com"),
	BRAND("coinbase", "coinbase", "coinbase.com"),
	BRAND("binance", "binance|币安", "binance.com binance.us bnbchain.org"),
	BRAND("metamask", "metamask", "metamask.io consensys.net consensys.io"),
	WORD("ledger", "ledger", "ledger.com ledgerwallet.com"),
	BRAND("trezor", "trezor", "trezor.io satoshilabs.com"),
	BRAND("americanexpress", "american express|amex",
		"americanexpress.com aexp.com amex.com welcome.aexp.com americanexpress.io"),
	BRAND("mastercard", "mastercard", "mastercard.com mastercard.us"),
	WORD("chase", "chase", "chase.com jpmorgan.com jpmchase.com"),
	BRAND("wellsfargo", "wells fargo|wellsfargo", "wellsfargo.com wf.com wellsfargoemail.com"),
	BRAND("bankofamerica", "bank of america", "bankofamerica.com bofa.com ml.com"),
	BRAND("citibank", "citibank", "citi.com citibank.com citicorp.com"),
	BRAND("hsbc", "hsbc|汇丰银行", "hsbc.com hsbc.com.cn hsbcnet.com"),
	BRAND("barclays", "barclays", "barclays.com barclaycard.co.uk barclaysus.com"),
	BRAND("santander", "santander", "santander.com gruposantander.com santanderbank.com"),
	BRAND("commerzbank", "commerzbank", "commerzbank.com"),
	BRAND("postbank", "postbank", "postbank.de db.com"),
	BRAND("bradesco", "bradesco", "bradesco.com.br bradesco.com"),
	BRAND("itau", "banco itau", "itau.com.br itau-unibanco.com.br"),
	BRAND("rabobank", "rabobank", "rabobank.com"),
	/* shops, carriers, films */
	WORD("amazon", "amazon",
		"amazon.com amazonaws.com amazonses.com a2z.com amazon.cn amazonpay.com "
		"ssl-images-amazon.com images-amazon.com primevideo.com audible.com goodreads.com "
		"twitch.tv ring.com imdb.com"),
	BRAND("ebay", "ebay", "ebay.com ebayinc.com"),
	BRAND("netflix", "netflix", "netflix.com"),
	BRAND("spotify", "spotify", "spotify.com"),
	BRAND("dhl", "dhl", "dhl.com dhl.de deutschepost.de dpdhl.com dhlparcel.nl"),
	BRAND("fedex", "fedex", "fedex.com fedex.email"),
	WORD("ups", "ups", "ups.com upsemail.com"),
	BRAND("usps", "usps", "usps.com usps.gov"),
	BRAND("royalmail", "royal mail", "royalmail.com parcelforce.com"),
	BRAND("dpd", "dpd", "dpd.com dpdgroup.com dpd.co.uk dpdlocal.co.uk"),
	BRAND("booking", "booking.com", "booking.com"),
	BRAND("airbnb", "airbnb", "airbnb.com"),
	/* China: banks, payment */
	BRAND("icbc", "工商银行|icbc", "icbc.com.cn icbc-ltd.com icbcleasing.com icbc.cn"),
	BRAND("ccb", "建设银行", "ccb.com ccb.cn"),
	BRAND("abchina", "农业银行", "abchina.com abchina.com.cn 95599.cn"),
	BRAND("boc", "中国银行", "boc.cn bankofchina.com bochk.com"),
	BRAND("cmbchina", "招商银行", "cmbchina.com cmbchina.cn"),
	BRAND("bankcomm", "交通银行", "bankcomm.com bankcomm.cn 95559.com.cn"),
	BRAND("psbc", "邮储银行|邮政储蓄银行", "psbc.com psbcltd.cn"),
	BRAND("citicbank", "中信银行", "citicbank.com ecitic.com citicbank.cn"),
	BRAND("spdb", "浦发银行", "spdb.com.cn spdbccc.com.cn"),
	BRAND("cebbank", "光大银行", "cebbank.com ebchinaintl.com.cn"),
	BRAND("unionpay", "银联|unionpay",
		"unionpay.com unionpayintl.com chinaunionpay.com 95516.com"),
	BRAND("alipay", "支付宝|alipay",
		"alipay.com alipay.cn alipayplus.com antgroup.com alibaba-inc.com "
		"mybank.cn"),
	/* China: services, shops, carriers, offices */
	BRAND("wechat", "微信支付|微信团队|微信安全|wechat pay|wechat team",
		"qq.com wechat.com tencent.com tenpay.com weixin.com"),
	BRAND("tencent", "腾讯|腾讯企业邮|qq邮箱|tencent",
		"tencent.com qq.com foxmail.com wechat.com "
		"tencentcloud.com dnspod.com"),
	BRAND("netease", "网易邮箱|网易企业邮",
		"163.com 126.com yeah.net 188.com netease.com vip.163.com "
		"qiye.163.com"),
	BRAND("jd", "京东", "jd.com jd.hk jdcloud.com jdl.com jd.id 360buy.com"),
	BRAND("taobao", "淘宝", "taobao.com alibaba-inc.com alibaba.com tmall.com alipay.com"),
	BRAND("tmall", "天猫", "tmall.com taobao.com alibaba-inc.com alibaba.com tmall.hk"),
	BRAND("alibaba", "阿里巴巴|阿里云|alibaba",
		"alibaba.com alibaba-inc.com aliyun.com alibabacloud.com 1688.com "
		"aliexpress.com alibabagroup.com"),
	BRAND("pinduoduo", "拼多多", "pinduoduo.com yangkeduo.com"),
	BRAND("meituan", "美团", "meituan.com dianping.com"),
	BRAND("dingtalk", "钉钉", "dingtalk.com alibaba-inc.com alibaba.com aliyun.com"),
	BRAND("feishu", "飞书", "feishu.cn larksuite.com larkoffice.com bytedance.com"),
	BRAND("sf-express", "顺丰", "sf-express.com sf-tech.com.cn sfmail.sf-express.com sf.com"),
	BRAND("ems", "中国邮政|邮政速递", "ems.com.cn chinapost.com.cn 11183.com.cn cnpl.com.cn"),
	BRAND("12306", "12306", "12306.cn rails.com.cn"),
	BRAND("10086", "中国移动", "10086.cn chinamobile.com 139.com cmcc.in"),
	BRAND("10010", "中国联通", "10010.com chinaunicom.cn wo.cn chinaunicom.com"),
	BRAND("chinatelecom", "中国电信", "189.cn chinatelecom.cn chinatelecom.com.cn"),
	BRAND("chinatax", "国家税务总局|税务局", "gov.cn"),
	BRAND("mohrss", "人力资源和社会保障部|人力资源社会保障部|社会保障局|社保局|社保中心",
		"gov.cn 12333.cn 12333.gov.cn"),
	BRAND("mps", "公安部|公安局|市场监督管理局|住房公积金管理中心", "gov.cn"),
	BRAND("etc", "etc服务中心|高速etc", "gov.cn txffp.com etccenter.cn"),
	BRAND("coremail", "coremail", "coremail.cn icoremail.net mailtech.cn coremail.com"),
};
const size_t brands_n = sizeof brands / sizeof *brands;

/* Beside them an ordinary word is the name of the firm. */
static const slice business[] = {S_INIT("support"), S_INIT("id"), S_INIT("account"),
	S_INIT("accounts"), S_INIT("security"), S_INIT("service"), S_INIT("services"),
	S_INIT("bank"), S_INIT("prime"), S_INIT("billing"), S_INIT("team"), S_INIT("customer"),
	S_INIT("delivery"), S_INIT("express"), S_INIT("online"), S_INIT("sign"), S_INIT("alert"),
	S_INIT("alerts"), S_INIT("notification"), S_INIT("notifications"), S_INIT("no-reply"),
	S_INIT("noreply"), S_INIT("store"), S_INIT("wallet"), S_INIT("live"), S_INIT("parcel"),
	S_INIT("inc"), S_INIT("order"), S_INIT("orders"), S_INIT("pay"), S_INIT("antivirus"),
	S_INIT("meeting")};

static bool names(const struct brand *b, slice text)
{
	for (slice rest = b->names, name; slice_cut(&rest, '|', &name);) {
		if (!checking_says(text, &name, 1))
			continue;
		if (!b->word || slice_eq(slice_trim(text), name) ||
			checking_says(text, business, sizeof business / sizeof *business))
			return true;
	}
	return false;
}

const struct brand *brand_named(slice normal)
{
	for (size_t i = 0; i < brands_n; i++)
		if (names(&brands[i], normal))
			return &brands[i];
	return NULL;
}

/* "de", "co.uk", "com.br": of a country. */
static bool is_national(slice top)
{
	slice last =
		slice_skip(top, slice_rindex(top, '.') < top.n ? slice_rindex(top, '.') + 1 : 0);
	slice first = slice_first(top, slice_index(top, '.'));
	return last.n == 2 && (first.n == top.n || first.n <= 3);
}

bool brand_owns(const struct brand *b, slice domain, slice org)
{
	for (slice rest = b->domains, own; slice_cut(&rest, ' ', &own);)
		if (domain_within(domain, own))
			return true;
	slice label = slice_first(org, slice_index(org, '.'));
	if (domain_within(domain, b->key)) /* a top level of its own: mail.google */
		return true;
	return slice_eq(label, b->key) && label.n >= 3 && is_national(slice_skip(org, label.n + 1));
}

slice brand_domain(const struct brand *b)
{
	return slice_first(b->domains, slice_index(b->domains, ' '));
}

/* Made once: as constant as the table above. */
static struct lookalike_name looks[sizeof brands / sizeof *brands];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_looks(void)
{
	static struct arena forever;
	for (size_t i = 0; i < brands_n; i++)
		lookalike_prepare_org(brand_domain(&brands[i]), &forever, &looks[i]);
}

const struct lookalike_name *brands_looks(void)
{
	pthread_once(&once, make_looks);
	return looks;
}
