namespace HeadTap.Jobs;

/// <summary>Styles, markup and scripts of pages: files of the tree that are resources of the
/// assembly.</summary>
static class PageAsset
{
    /// <summary>Returns the text of a file by its name, with line feeds.</summary>
    internal static string Read(string name)
    {
        using Stream stream = typeof(PageAsset).Assembly.GetManifestResourceStream($"page/{name}")
            ?? throw new ArgumentException($"{name} is no resource.", nameof(name));
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
