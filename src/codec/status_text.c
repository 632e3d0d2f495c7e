/*
 * What enhanced status codes (RFC 3463, RFC 7505, RFC 7372, RFC 6531, RFC 8689) mean to someone who
 * only wrote a letter: what happened, and what to do. Bounces, traces and the console use these
 * sentences. A code that is not here is explained by its subject's detail 0, then by its class.
 */
#include "codec/status.h"

struct row {
	uint16_t subject, detail;
	struct status_text text;
};

/* clang-format off */
static const struct row rows[] = {
	{1, 0, {"The address was not accepted.",
		"Check the spelling of the address, or ask the recipient for the right one.",
		"对方不接受该收件人地址。",
		"请核对地址拼写，或通过其他方式向收件人确认正确的地址。"}},
	{1, 1, {"There is no mailbox with this address.",
		"Check the spelling of the part before the @, or ask the recipient for the current address.",
		"该收件人地址不存在。",
		"请核对 @ 前面部分的拼写，或通过其他方式向收件人确认当前的地址。"}},
	{1, 2, {"The domain of the address does not exist or cannot receive mail.",
		"Check the spelling of the part behind the @.",
		"地址的域名不存在，或者该域名不能接收邮件。",
		"请核对 @ 后面部分的拼写。"}},
	{1, 3, {"The address is not written correctly.",
		"Check the address for missing or extra characters, then send again.",
		"收件人地址的写法不正确。",
		"请检查地址是否缺少或多出字符，改正后重新发送。"}},
	{1, 4, {"The address fits more than one mailbox.",
		"Ask the recipient for an address that is unique.",
		"该地址对应多个邮箱，无法确定收件人。",
		"请向收件人确认唯一的地址。"}},
	{1, 6, {"The recipient has moved and left no new address.",
		"Ask the recipient for the new address.",
		"收件人的邮箱已迁移，且没有留下新地址。",
		"请向收件人询问新的地址。"}},
	{1, 7, {"The receiving system does not accept the form of your own address.",
		"Check the sender address in your mail program's account settings.",
		"对方系统不接受您的发件人地址的写法。",
		"请检查邮件客户端帐号设置中的发件人地址。"}},
	{1, 8, {"The receiving system cannot find the domain of your own address.",
		"Ask your administrator to check the DNS records of your domain.",
		"对方系统查不到您的发件人地址所在的域名。",
		"请联系您的邮件管理员检查本域名的 DNS 记录。"}},
	{1, 10, {"The domain of the address declares that it accepts no mail at all.",
		"Use another address of the recipient.",
		"该域名已声明不接收任何邮件。",
		"请使用收件人的其他地址。"}},
	{2, 0, {"The recipient's mailbox cannot take the message now.",
		"Try again later, or reach the recipient in another way.",
		"收件人的邮箱目前无法接收邮件。",
		"请稍后再试，或通过其他方式联系收件人。"}},
	{2, 1, {"The recipient's mailbox is disabled.",
		"Reach the recipient in another way.",
		"收件人的邮箱已被停用。",
		"请通过其他方式联系收件人。"}},
	{2, 2, {"The recipient's mailbox is full.",
		"Ask the recipient to make room, then send again.",
		"收件人的邮箱已满。",
		"请提醒收件人清理邮箱，然后重新发送。"}},
	{2, 3, {"The message is larger than the recipient's mailbox allows.",
		"Send it with smaller attachments, or share the files by a link.",
		"邮件大小超过了收件人邮箱的限制。",
		"请减小附件后重新发送，或改用链接共享文件。"}},
	{2, 4, {"The mailing list behind this address could not be used.",
		"Tell the owner of the list.",
		"该地址所属的邮件列表无法展开。",
		"请告知邮件列表的管理者。"}},
	{3, 0, {"The receiving system has a problem of its own.",
		"Try again later; if it goes on, tell the recipient in another way.",
		"对方邮件系统出现故障。",
		"请稍后再试；如持续出现，请通过其他方式告知收件人。"}},
	{3, 1, {"The receiving system has run out of storage.",
		"Try again later.",
		"对方邮件系统的存储空间不足。",
		"请稍后再试。"}},
	{3, 2, {"The receiving system does not accept mail at present.",
		"Try again later.",
		"对方邮件系统目前不接收邮件。",
		"请稍后再试。"}},
	{3, 3, {"The receiving system lacks a feature that the message needs.",
		"Send it in a simpler form: plain addresses, no special delivery options.",
		"对方邮件系统不支持该邮件所需的功能。",
		"请以更简单的形式发送，例如使用普通地址、不附加特殊投递选项。"}},
	{3, 4, {"The message is too large for the receiving system.",
		"Send it with smaller attachments, or share the files by a link.",
		"邮件过大，超过了对方邮件系统的限制。",
		"请减小附件后重新发送，或改用链接共享文件。"}},
	{3, 5, {"The receiving system is not configured correctly.",
		"Tell the recipient or the administrator there in another way.",
		"对方邮件系统的配置有误。",
		"请通过其他方式告知收件人或对方管理员。"}},
	{4, 0, {"The message could not be carried over the network.",
		"Try again later.",
		"邮件在网络传输中失败。",
		"请稍后再试。"}},
	{4, 1, {"The receiving system does not answer.",
		"Check the part of the address behind the @; if it is right, try again later.",
		"对方邮件系统没有响应。",
		"请核对 @ 后面的域名；如果无误，请稍后再试。"}},
	{4, 2, {"The connection to the receiving system broke.",
		"Try again later.",
		"与对方邮件系统的连接中断。",
		"请稍后再试。"}},
	{4, 3, {"The name service could not tell where to deliver.",
		"Try again later; if it goes on, tell your administrator.",
		"域名查询失败，无法确定投递目标。",
		"请稍后再试；如持续出现，请联系您的邮件管理员。"}},
	{4, 4, {"No way to the receiving system is known.",
		"Check the part of the address behind the @; if it is right, tell your administrator.",
		"找不到通往对方邮件系统的路由。",
		"请核对 @ 后面的域名；如果无误，请联系您的邮件管理员。"}},
	{4, 5, {"The receiving system is too busy.",
		"Try again later.",
		"对方邮件系统繁忙。",
		"请稍后再试。"}},
	{4, 6, {"The message ran in a circle between mail systems.",
		"Tell your administrator: a forwarding rule points back to itself.",
		"邮件在多个邮件系统之间循环转发。",
		"请联系您的邮件管理员：可能有转发规则指回了自身。"}},
	{4, 7, {"The message could not be delivered within the time allowed.",
		"Send it again later, or reach the recipient in another way.",
		"在规定时间内一直未能投递成功。",
		"请稍后重新发送，或通过其他方式联系收件人。"}},
	{5, 0, {"The two mail systems did not understand each other.",
		"Tell your administrator and pass on the technical details below.",
		"双方邮件系统之间的通信出错。",
		"请联系您的邮件管理员，并提供下面的技术信息。"}},
	{5, 3, {"The message has too many recipients for the receiving system.",
		"Send it to fewer recipients at a time.",
		"收件人数量超过了对方邮件系统的限制。",
		"请减少每次发送的收件人数量。"}},
	{6, 0, {"The content of the message was not accepted.",
		"Send it in another form, for example as plain text.",
		"邮件内容未被接受。",
		"请换一种形式发送，例如纯文本。"}},
	{6, 1, {"The receiving system does not support this kind of content.",
		"Send it in another form, for example as plain text.",
		"对方邮件系统不支持这种类型的内容。",
		"请换一种形式发送，例如纯文本。"}},
	{6, 3, {"The message would have to be converted, which is not possible.",
		"Send it in another form, for example as plain text.",
		"邮件需要转换格式，但无法转换。",
		"请换一种形式发送，例如纯文本。"}},
	{6, 7, {"The receiving system does not support addresses with international characters.",
		"Use an address of plain Latin letters for the recipient and for yourself.",
		"对方邮件系统不支持国际化（非英文字符）邮件地址。",
		"请收发双方都使用只含英文字符的地址。"}},
	{7, 0, {"The message was refused for security or policy reasons.",
		"Ask the recipient or your administrator what the receiving system demands.",
		"邮件因安全或策略原因被拒绝。",
		"请向收件人或您的邮件管理员了解对方系统的要求。"}},
	{7, 1, {"The receiving system refused the message: you are not allowed to send to this address, or it looks like unwanted mail.",
		"Reach the recipient in another way and ask to be allowed; if many of your messages are refused, tell your administrator.",
		"对方系统拒收该邮件：您无权向该地址发信，或邮件被判定为垃圾邮件。",
		"请通过其他方式联系收件人请求放行；如果多封邮件被拒，请联系您的邮件管理员。"}},
	{7, 2, {"You are not allowed to send to this mailing list.",
		"Ask the owner of the list for permission.",
		"您无权向该邮件列表发信。",
		"请向邮件列表的管理者申请权限。"}},
	{7, 4, {"A security feature that the message demands is missing on its way.",
		"Send it without that demand, or ask your administrator.",
		"投递途中缺少该邮件所要求的安全功能。",
		"请取消该要求后重新发送，或联系您的邮件管理员。"}},
	{7, 5, {"The encrypted connection to the receiving system could not be made or trusted.",
		"Tell your administrator.",
		"无法与对方系统建立可信的加密连接。",
		"请联系您的邮件管理员。"}},
	{7, 8, {"Signing in to the receiving system failed.",
		"Tell your administrator.",
		"登录对方系统失败。",
		"请联系您的邮件管理员。"}},
	{7, 10, {"The receiving system demands an encrypted connection that could not be made.",
		"Tell your administrator.",
		"对方系统要求加密连接，但无法建立。",
		"请联系您的邮件管理员。"}},
	{7, 20, {"The receiving system demands a valid DKIM signature.",
		"Tell your administrator: the DKIM signature of your domain is missing or broken.",
		"对方系统要求有效的 DKIM 签名。",
		"请联系您的邮件管理员：本域名的 DKIM 签名缺失或无效。"}},
	{7, 23, {"The receiving system says that our server may not send for your domain (SPF).",
		"Tell your administrator: the SPF record of your domain has to name this server.",
		"对方系统认为本服务器无权代表您的域名发信（SPF 校验失败）。",
		"请联系您的邮件管理员：需要在域名的 SPF 记录中加入本服务器。"}},
	{7, 25, {"The receiving system demands a matching reverse name (PTR) for our address.",
		"Tell your administrator.",
		"对方系统要求本服务器地址有匹配的反向解析（PTR）记录。",
		"请联系您的邮件管理员。"}},
	{7, 26, {"The message failed the receiving system's checks of the sender domain (SPF, DKIM, DMARC).",
		"Tell your administrator.",
		"邮件未通过对方系统对发件域名的验证（SPF、DKIM、DMARC）。",
		"请联系您的邮件管理员。"}},
	{7, 28, {"The receiving system gets too much mail from this sender at the moment.",
		"Wait a while and send less at a time.",
		"对方系统认为短时间内来自该发件人的邮件过多。",
		"请等待一段时间，并减少单次发送量。"}},
	{7, 30, {"The message demands encryption on its whole way (REQUIRETLS), which the receiving system does not offer.",
		"Send it without that demand, or use another address of the recipient.",
		"该邮件要求全程加密传输（REQUIRETLS），但对方系统不支持。",
		"请取消该要求后重新发送，或使用收件人的其他地址。"}},
};
/* clang-format on */

static const struct status_text permanent = {
	"The receiving system refused the message for good.",
	"See its answer below, or reach the recipient in another way.",
	"对方邮件系统永久拒收该邮件。",
	"请参看下面对方系统的答复，或通过其他方式联系收件人。",
};

static const struct status_text temporary = {
	"The receiving system could not take the message.",
	"Try again later, or reach the recipient in another way.",
	"对方邮件系统暂时未能接收该邮件。",
	"请稍后再试，或通过其他方式联系收件人。",
};

static const struct status_text success = {
	"The message was delivered.",
	"You need not do anything.",
	"邮件已送达。",
	"您无需进行任何操作。",
};

static const struct status_text *find(uint16_t subject, uint16_t detail)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].subject == subject && rows[i].detail == detail)
			return &rows[i].text;
	return NULL;
}

struct status_text status_explain(struct status_code s, bool delayed)
{
	const struct status_text *t = NULL;
	if (s.cls == 2)
		return success;
	if (s.subject || s.detail)
		t = find(s.subject, s.detail);
	if (!t && s.subject)
		t = find(s.subject, 0);
	if (!t)
		t = s.cls == 4 ? &temporary : &permanent;
	struct status_text r = *t;
	if (delayed) {
		r.todo_en =
			"You need not do anything: we keep trying and will tell you if it fails.";
		r.todo_zh = "您无需进行任何操作：系统会继续尝试投递，如最终失败会再通知您。";
	}
	return r;
}
