/* How facts of files are called (extract.h): by `posthouse explain`, in its JSON and in words. */
#include "codec/extract.h"

const struct extract_fact_name extract_fact_names[EXTRACT_FACTS] = {
	{"encrypted", "encrypted", "已加密"},
	{"damaged", "damaged", "已损坏"},
	{"limit", "a limit was reached", "达到限制，未全部读取"},
	{"macro", "macros", "含宏"},
	{"autorun", "runs when opened", "打开即运行"},
	{"suspicious-macro", "suspicious macros", "可疑的宏"},
	{"script", "scripts", "含脚本"},
	{"remote", "loads from elsewhere", "打开时从别处加载"},
	{"embedded", "another file inside", "内嵌其他文件"},
	{"launch", "starts a program or sends a form", "启动程序或提交表单"},
	{"exploit", "made like known exploits", "与已知漏洞利用相似"},
	{"disguised", "its name says another kind of file", "名称与真实类型不符"},
	{"double-name", "double ending", "双重扩展名"},
	{"bidi-name", "name with turned direction", "文件名含反转字符"},
	{"blanks-name", "ending out of sight", "扩展名被空白隐藏"},
	{"bomb", "unpacks to far more", "解压炸弹"},
	{"smuggling", "builds a file by script", "用脚本拼出文件"},
	{"form", "asks for input", "要求输入"},
	{"opened", "opened by a password in the letter", "已用信中的密码打开"},
	{"deep", "nested too deep", "嵌套过深"},
};
