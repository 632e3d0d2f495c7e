/* The table of commands (commands.h), in the order in which `posthouse --help` shows them. */
#include "bin/commands.h"

#include "bin/cli_verbs.h"
#include "bin/serve.h"

const struct command commands[] = {
	{"init", NULL, "set up a new installation", "初始化新安装", init_verbs, NULL, NULL},
	{"serve", serve_command, "run the server in the foreground", "在前台运行服务器", NULL,
		"Usage: posthouse serve\n\n"
		"Binds the ports, starts the other processes and watches them. Logs go to stderr.\n"
		"SIGTERM stops (messages on their way are finished), SIGHUP reloads the "
		"configuration.\n"
		"Started as root it binds low ports; everything that touches mail runs as [server] "
		"user.\n",
		"用法：posthouse serve\n\n"
		"绑定端口，启动并看管其他进程。日志写到标准错误。\n"
		"SIGTERM 停止（先完成正在收发的邮件），SIGHUP 重新加载配置。\n"
		"以 root 启动可绑定低端口；所有处理邮件的进程以 [server] user 的身份运行。\n"},
	{"reload", reload_command, "take a changed configuration into service",
		"使修改后的配置生效", NULL,
		"Usage: posthouse reload\n\n"
		"The running server checks the configuration; with a mistake in it nothing "
		"changes. Sessions that\n"
		"are open go on with the old one. Exit code 3 when no server runs.\n",
		"用法：posthouse reload\n\n"
		"运行中的服务器检查配置，"
		"有错误则不作更改。已建立的会话继续使用旧配置。没有服务器运行时退出码为 3。\n"},
	{"status", status_command, "processes of the running server", "运行中服务器的各进程", NULL,
		"Usage: posthouse status\n\nExit code 3 when no server runs.\n",
		"用法：posthouse status\n\n没有服务器运行时退出码为 3。\n"},
	{"check-config", NULL, "look for mistakes in the configuration", "检查配置文件",
		check_config_verbs, NULL, NULL},
	{"config", NULL, "show the configuration and its defaults", "显示配置及其默认值",
		config_verbs, NULL, NULL},
	{"domain", NULL, "domains that this installation answers for", "本系统负责的域",
		domain_verbs, NULL, NULL},
	{"dkim", NULL, "keys that sign a domain's mail: make, rotate, import",
		"域的签名密钥（DKIM）：生成、轮换、导入", dkim_verbs, NULL, NULL},
	{"org", NULL, "organisations: domains belong to them", "组织：域归属于组织", org_verbs,
		NULL, NULL},
	{"department", NULL, "departments of an organisation", "组织的部门", department_verbs,
		NULL, NULL},
	{"class", NULL, "service classes: quotas, limits, services allowed",
		"服务等级：容量、限制、允许的服务", class_verbs, NULL, NULL},
	{"account", NULL, "mailboxes and their passwords", "邮箱帐号与密码", account_verbs, NULL,
		NULL},
	{"app-password", NULL, "passwords for one program each: make, list, revoke",
		"应用专用密码：生成、列出、撤销", app_password_verbs, NULL, NULL},
	{"second-factor", NULL, "codes of a telephone beside the password",
		"双因素：密码之外的手机验证码", second_factor_verbs, NULL, NULL},
	{"ldap", NULL, "people of directory servers: take over, test", "目录服务器中的用户：同步、测试", ldap_verbs,
		NULL, NULL},
	{"login", NULL, "who logged in, from where", "登录记录", login_verbs, NULL, NULL},
	{"ban", NULL, "networks that may not log in", "禁止登录的网络", ban_verbs, NULL, NULL},
	{"shared", NULL, "shared mailboxes, rooms, equipment: who uses them",
		"共享邮箱、会议室、设备：使用者与权限", shared_verbs, NULL, NULL},
	{"group", NULL, "addresses of several people and departments",
		"由多人、多部门组成的组地址", group_verbs, NULL, NULL},
	{"alias", NULL, "addresses that stand for others", "别名地址", alias_verbs, NULL, NULL},
	{"forward", NULL, "accounts whose mail is passed on", "自动转发", forward_verbs, NULL, NULL},
	{"autoreply", NULL, "automatic answers of accounts", "自动回复", autoreply_verbs, NULL, NULL},
	{"route", NULL, "ways out: backends, smarthosts, rules", "投递路由：后端、中继、规则",
		route_verbs, NULL, NULL},
	{"list", NULL, "allow and block lists", "允许与阻止列表", list_verbs, NULL, NULL},
	{"rule", NULL, "rules about the content of mail: show, check, try",
		"邮件内容规则：查看、检查、试用", rule_verbs, NULL, NULL},
	{"policy", NULL, "what happens to mail: policies, their versions, trials",
		"邮件处置策略：版本、测试、试运行", policy_verbs, NULL, NULL},
	{"engine", NULL, "virus engines: how they are, what they say of a file",
		"病毒引擎：状态、检查文件", engine_verbs, NULL, NULL},
	{"features", NULL, "packs of rules, lists and models: install, try, roll back, make",
		"特征包：安装、试用、回退、制作", features_verbs, NULL, NULL},
	{"reputation", NULL, "what is remembered of senders", "发件方的信誉", reputation_verbs,
		NULL, NULL},
	{"learn", NULL, "teach the filter, versions of what it learned",
		"训练过滤器，管理学到的版本", learn_verbs, NULL, NULL},
	{"queue", NULL, "mail that waits: list, retry, hold, return",
		"等待投递的邮件：列出、重试、暂停、退回", queue_verbs, NULL, NULL},
	{"outbound", NULL, "own accounts that are suspended for what they sent",
		"因异常外发而停用的本系统帐号", outbound_verbs, NULL, NULL},
	{"trace", NULL, "what happened to a message", "跟踪邮件的经过", trace_verbs, NULL, NULL},
	{"quarantine", NULL, "mail that is kept: list, preview, release, undo",
		"隔离区：列出、预览、放行、撤销", quarantine_verbs, NULL, NULL},
	{"why", NULL, "what happened to a letter, and why, on one page",
		"用一页说明邮件发生了什么、为什么", why_verbs, NULL, NULL},
	{"explain", NULL, "what is in a message, and how the filter judges it",
		"邮件里有什么，过滤器如何判断", explain_verbs, NULL, NULL},
	{"report", NULL, "reports to other domains and from them", "发给其他域以及收到的报告",
		report_verbs, NULL, NULL},
	{"digest", NULL, "lists of held mail for its recipients: who gets them, when",
		"隔离邮件清单：发给谁、何时发", digest_verbs, NULL, NULL},
	{"session", NULL, "who is logged in with a mail program: list, end",
		"邮件客户端的会话：列出、结束", session_verbs, NULL, NULL},
	{"mailbox", NULL, "messages in a mailbox", "邮箱中的邮件", mailbox_verbs, NULL, NULL},
	{"store", NULL, "check, mend and clean the store", "检查、修复和清理存储", store_verbs,
		NULL, NULL},
	{"lookup", NULL, "ask the DNS: block lists, MX, PTR, SPF, DKIM, DMARC, TLS ...",
		"查询 DNS：黑名单、MX、PTR、SPF、DKIM、DMARC、TLS 等", lookup_verbs, NULL, NULL},
	{"metrics", NULL, "counters, for monitoring", "计数器，供监控使用", metrics_verbs, NULL,
		NULL},
	{"version", NULL, "the version", "版本", version_verbs, NULL, NULL},
	{"role", role_command, NULL, NULL, NULL, NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
