using HeadTap.Peers;

// The shell script bench/compare prepares libraries and environment; see there.
if (args is ["--prepare", string from, string to])
{
    WeakVersionNeed.Copy(from, to, "GLIBCXX_3.4.32");
    return 0;
}
return Comparison.Run(args);
