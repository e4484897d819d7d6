using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

public sealed class RunFolderTests
{
    static readonly Manifest s_call = new()
    {
        Command = "job", Seed = 1, ModelHash = "m", DataHash = "d",
        Options = new()
        {
            ["rate"] = 0.001f, ["names"] = new JsonArray("a", "b"), ["often"] = 5,
            ["Inner"] = new JsonObject { ["BatchRows"] = 8 },
        },
    };

    [Test]
    public void One_run_at_a_time_works_in_a_folder()
    {
        using var folder = new TemporaryFolder();
        using (Open(folder["a"]))
        {
            Assert.That(Refused(() => Open(folder["a"])), Does.Contain("another process works in it"));
            Assert.That(Refused(() => RunFolder.RequireFree(folder["a"])), Does.Contain("another process"));
            Assert.That(Refused(() => RunFolder.RequirePlace(folder["a"], "manifest.json", "a job")),
                Does.Contain("another process"));
            Open(folder["b"]).Dispose();
        }
        Open(folder["a"]).Dispose();
        Assert.That(Directory.GetFileSystemEntries(folder.Path), Is.Empty, "nothing was begun");
    }

    [Test]
    public void A_lock_that_a_dead_process_left_is_taken_over()
    {
        using var folder = new TemporaryFolder();
        folder.Write(RunFolder.LockFile, "");
        using (RunFolder run = Open(folder.Path))
            run.Start(s_call);
        Assert.That(folder.Files(), Is.EqualTo((string[])[RunFolder.StartFile]));
    }

    [Test]
    public void Results_of_other_work_are_not_written_over()
    {
        using var folder = new TemporaryFolder();
        folder.Write("model.safetensors", "other");
        Assert.That(Refused(() => OpenOver()), Does.EndWith(
            "has a model.safetensors of other work, and no run.json of this call; expected a new folder"));
        Assert.That(folder.Files(), Is.EqualTo((string[])["model.safetensors"]));
        File.Delete(folder["model.safetensors"]);
        using (RunFolder run = OpenOver())
            run.Start(s_call);
        folder.Write("model.safetensors", "our own, and a kill before the run was marked complete");
        OpenOver().Dispose();

        RunFolder OpenOver() => RunFolder.Open(folder.Path, s_call, results: ModelFolder.Results);
    }

    [TestCase("command", "command is \"job\" in its run.json and \"other\" here")]
    [TestCase("rate", "rate is 0.001 in its run.json and 0.01 here")]
    [TestCase("names", "names[1] is \"b\" in its run.json and \"c\" here")]
    [TestCase("inner", "inner.batch_rows is 8 in its run.json and 4 here")]
    [TestCase("more", "more is none in its run.json and true here")]
    [TestCase("less", "rate is 0.001 in its run.json and none here")]
    [TestCase("seed", "seed is 1 in its run.json and 2 here")]
    [TestCase("model", "model_hash is \"m\" in its run.json and \"n\" here")]
    [TestCase("data", "data_hash is \"d\" in its run.json and \"e\" here (what its data files hold has "
        + "changed)")]
    public void Another_call_is_refused_by_the_option_that_differs(string change, string message)
    {
        using var folder = new TemporaryFolder();
        using (RunFolder run = Open(folder.Path))
        {
            run.Start(s_call);
            using JsonlWriter rows = run.Rows(RunFolder.MetricsFile);
            rows.Write(1);
        }
        JsonObject options = s_call.Options.DeepClone().AsObject();
        Manifest other = s_call with { Options = options };
        switch (change)
        {
            case "rate": options["rate"] = 0.01f; break;
            case "names": options["names"]![1] = "c"; break;
            case "inner": options["Inner"]!["BatchRows"] = 4; break;
            case "more": options["more"] = true; break;
            case "less": options.Remove("rate"); break;
            default:
                other = change switch
                {
                    "command" => other with { Command = "other" },
                    "seed" => other with { Seed = 2 },
                    "model" => other with { ModelHash = "n" },
                    _ => other with { DataHash = "e" },
                };
                break;
        }
        string[] before = folder.Files();
        Assert.That(Refused(() => Open(folder.Path, other)),
            Does.Contain("belongs to another call: " + message)
            .And.Not.Contain("\n").And.Not.Contain("--"));
        Assert.That(folder.Files(), Is.EqualTo(before));
        Open(folder.Path, s_call with { DataHash = null }).Dispose(); // not known yet
    }

    [Test]
    public void A_folder_in_which_nothing_was_done_takes_another_call_of_the_same_command()
    {
        using var folder = new TemporaryFolder();
        using (RunFolder run = Open(folder.Path))
            run.Start(s_call);
        using (RunFolder run = Open(folder.Path, s_call with { Seed = 2 }))
            run.Start(s_call with { Seed = 2 });
        Assert.That(Manifest.Read(folder[RunFolder.StartFile]).Seed, Is.EqualTo(2));
        // Another command has other options: they are not listed.
        Assert.That(Refused(() => Open(folder.Path, s_call with { Command = "x", Options = [] })),
            Does.Contain("command is ").And.Not.Contain("rate"));
    }

    [Test]
    public void A_complete_run_is_known_until_its_call_changes()
    {
        using var folder = new TemporaryFolder();
        using (RunFolder run = Open(folder.Path))
        {
            run.Start(s_call);
            s_call.Write(run.At(RunFolder.ManifestFile));
            Assert.That(run.IsComplete(s_call), Is.False);
            run.Finish();
            Assert.That(run.IsComplete(s_call), Is.True);
        }
        Assert.That(Refused(() => Open(folder.Path, s_call with { Seed = 3 })), Does.Contain("seed"));
        JsonObject options = s_call.Options.DeepClone().AsObject();
        options["often"] = 6;
        Manifest oftener = s_call with { Options = options };
        using (RunFolder run = RunFolder.Open(folder.Path, oftener, free: ["often"]))
        {
            Assert.That((run.IsComplete(s_call), run.IsComplete(oftener)), Is.EqualTo((true, false)));
            run.Start(oftener);
            Assert.That(run.IsComplete(oftener), Is.False);
        }
        using (RunFolder run = Open(folder.Path, oftener))
            Assert.That(run.IsComplete(oftener), Is.False);
    }

    [Test]
    public void A_place_with_strange_files_is_refused_and_what_a_kill_leaves_is_not()
    {
        using var folder = new TemporaryFolder();
        folder.Write(RunFolder.LockFile, "");
        folder.Write("manifest.json.tmp", "{");
        RunFolder.RequirePlace(folder.Path, "manifest.json", "a job");
        folder.Write("thesis.txt", "");
        Assert.That(Refused(() => RunFolder.RequirePlace(folder.Path, "manifest.json", "a job")),
            Does.Contain("holds files, and no manifest.json of a job"));
    }

    static RunFolder Open(string path, Manifest? call = null) => RunFolder.Open(path, call ?? s_call);

    static string Refused(TestDelegate open) => Assert.Throws<UserException>(open)!.Message;
}
