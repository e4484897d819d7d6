using System.Diagnostics;
using System.Globalization;
using HeadTap.Models;

namespace HeadTap.Peers;

/// <summary>llama.cpp with the same weights in f32, through node and npm's node-llama-cpp, in a process of
/// its
/// own.</summary>
sealed class LlamaPeer : IDisposable
{
    /// <summary>Where bench/serve/run and people install it.</summary>
    internal const string Folder = "artifacts/llama";

    readonly string _work;

    LlamaPeer(string work) => _work = work;

    /// <summary>Writes the model for it; null where it is not installed.</summary>
    internal static LlamaPeer? Find(LanguageModel model)
    {
        const string Writer = "artifacts/bin/Gguf/release/HeadTap.Gguf";
        if (!Directory.Exists($"{Folder}/node_modules/node-llama-cpp") || !File.Exists(Writer))
            return null;
        File.Copy("bench/serve/llama.mjs", $"{Folder}/llama.mjs", overwrite: true);
        string work = Directory.CreateTempSubdirectory("headtap-peers-").FullName;
        model.Save(work);
        Output(Writer, [work, Path.Combine(work, "model.gguf")]);
        return new LlamaPeer(work);
    }

    /// <summary>Tokens of all texts per second, prompts aside.</summary>
    internal double TokensPerSecond(int texts, int prompt, int tokens, int threads)
        => double.Parse(Output("node", [$"{Folder}/llama.mjs", Path.Combine(_work, "model.gguf"), $"{texts}",
            $"prompt={prompt}", $"tokens={tokens}", "vocabulary=50257", $"threads={threads}", "decode=1"]),
            CultureInfo.InvariantCulture);

    static string Output(string program, string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            // The library that makes MKL fast is PyTorch's own business.
            Environment = { ["LD_PRELOAD"] = "", ["GLIBC_TUNABLES"] = "" },
        })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output.Trim()
            : throw new InvalidOperationException($"{program} ended with {process.ExitCode}");
    }

    public void Dispose() => Directory.Delete(_work, recursive: true);
}
