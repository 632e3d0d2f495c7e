/* The posthouse program: the command line and every server role. */
int main(void)
{
	return 0;
}
