namespace HeadTap.Merge;

/// <summary>A file that a method measures models on.</summary>
/// <param name="Path">The file.</param>
/// <param name="IsBatch">Whether it is a JSON list of rows of token ids or texts; else texts.</param>
public sealed record MergeData(string Path, bool IsBatch);
