using HeadTap.Peers;

// The shell script bench/compare prepares libraries and environment; see there.
if (args is ["--prepare", string from, string to])
{
    WeakVersionNeed.Copy(from, to, "GLIBCXX_3.4.32");
    return 0;
}
if (args is ["--lens-side", ..])
    return LensSide.Serve(args[1..]);
return Comparison.Run(args);
