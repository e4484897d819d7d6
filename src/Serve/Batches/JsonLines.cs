namespace HeadTap.Serve;

/// <summary>Cuts a stream into lines of bytes: they end in <c>\n</c>, which is not kept.</summary>
static class JsonLines
{
    /// <summary>The lines; what follows the last line end is one too, unless it is empty.</summary>
    internal static IEnumerable<ReadOnlyMemory<byte>> Of(Stream stream)
    {
        byte[] buffer = new byte[1 << 16];
        int filled = 0;
        while (true)
        {
            if (filled == buffer.Length)
                Array.Resize(ref buffer, 2 * buffer.Length);
            int read = stream.Read(buffer, filled, buffer.Length - filled);
            if (read == 0)
                break;
            int from = 0, searched = filled;
            filled += read;
            for (int end; (end = Array.IndexOf(buffer, (byte)'\n', searched, filled - searched)) >= 0;)
            {
                yield return buffer.AsMemory(from, end - from).ToArray();
                from = searched = end + 1;
            }
            buffer.AsSpan(from, filled - from).CopyTo(buffer);
            filled -= from;
        }
        if (filled > 0)
            yield return buffer.AsMemory(0, filled).ToArray();
    }
}
